"""The documents are true: links lead somewhere, what they name exists, their commands are ones that are taken.

``tests/e2e/test_walkthrough.py`` runs what docs/local.md has one type.
"""

import json
import re
import shlex
from pathlib import Path

import pytest

from scripts.admin.cli import parser
from scripts.deployment.arguments import parser as releasing
from tests.support.asked import aws_faults, curl, route_of, routes
from tests.support.documents import KINDS, ROOT, Document, bare, commands, document, documents

DOCUMENTS = documents()
OURS = [each for each in DOCUMENTS if not each.is_history]
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
FIRST_WORDS = {"make", "scripts/soulseer", "aws", "curl", "export", "python3", ".venv/bin/python"}
"""What a command of the documents may begin with."""
MADE = ("build/", ".local/", ".venv/")
"""Where paths lead to what is made first."""
PATH = re.compile(r"[\w.-]+(/[\w.-]+)*(/|\.(py|ya?ml|json|toml|md|html|css|js|txt|ini))")
BELOW = ("", "chalicelib", "infra/local", "tests", "tests/property", "docs")
"""Where a path of the documents begins."""
FILES_OF_A_CONTEXT = {"model.py", "store.py", "service.py", "schemas.py", "routes.py", "handlers.py", "model/"}
ROUTE = re.compile(r"(GET|POST|PUT|PATCH|DELETE) (/[^ ?`]*)")


def _name(each: Document) -> str:
    return each.name


@pytest.mark.parametrize("page", DOCUMENTS, ids=_name)
def test_every_link_inside_the_project_leads_to_a_file_and_a_heading_of_it(page: Document) -> None:
    missing = []
    for link in page.links:
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        if not target.exists() or (anchor and anchor not in Document(target).anchors):
            missing.append(link)
    assert missing == []


@pytest.mark.parametrize("page", OURS, ids=_name)
def test_every_file_that_a_document_names_exists(page: Document) -> None:
    named = [each for each in page.inline if PATH.fullmatch(each) and not each.startswith(MADE)]
    assert [each for each in named if not _exists(each)] == []


def _exists(path: str) -> bool:
    return path in FILES_OF_A_CONTEXT or any((ROOT / below / path).exists() for below in BELOW) or _is_written(path)


def _is_written(path: str) -> bool:
    """A file that the documents show how to make."""
    return any(path in each.text for page in OURS for each in page.blocks)


@pytest.mark.parametrize("page", OURS, ids=_name)
def test_every_route_that_a_document_names_is_one_of_the_api(page: Document) -> None:
    named = [
        (match[1], match[2]) for each in page.inline if (match := ROUTE.match(each)) and match[2].startswith("/v1/")
    ]
    assert [f"{method} {path}" for method, path in named if not route_of(method, path)] == []


@pytest.mark.parametrize("page", DOCUMENTS, ids=_name)
def test_every_block_holds_commands_that_are_tried_or_says_what_it_is(page: Document) -> None:
    for block in page.blocks:
        kind, _, why = block.info.partition(" ")
        if kind == "sh":
            assert why, f"{page.name}:{block.line} does not say why nobody tries it"
        elif block.info:
            assert kind in KINDS, f"{page.name}:{block.line} is {block.info}"
        else:
            firsts = {bare(command).split()[0] for command in block.commands}
            assert firsts <= FIRST_WORDS, f"{page.name}:{block.line}"
            assert firsts, f"{page.name}:{block.line} is empty"


@pytest.mark.parametrize("page", DOCUMENTS, ids=_name)
def test_every_block_that_says_it_is_json_is(page: Document) -> None:
    for block in page.blocks:
        if block.info.split(" ")[0] == "json":
            assert isinstance(json.loads(block.text), dict | list), block.line


@pytest.mark.parametrize(("page", "command"), commands("make"))
def test_every_make_command_of_the_documents_is_a_target(page: str, command: str) -> None:
    assert shlex.split(command)[1] in TARGETS


@pytest.mark.parametrize(("page", "command"), [each for each in commands("make deploy") if "STAGE=…" not in each[1]])
def test_every_release_of_the_documents_is_one_that_deploying_takes(page: str, command: str) -> None:
    settings = dict(word.split("=", 1) for word in shlex.split(command)[2:])
    words = ["--stage", settings["STAGE"], *shlex.split(settings.get("ARGS", ""))]
    assert releasing().parse_args(words)


def test_every_rule_that_the_code_cites_is_on_the_page_of_the_product() -> None:
    page = (ROOT / "docs" / "product.md").read_text()
    sections = {part.partition(".")[0]: part for part in page.split("\n## ")[1:]}
    cited = {
        (section, rule)
        for path in (ROOT / "chalicelib").rglob("*.py")
        for each in re.findall(r"[Pp]roduct (§[^)\n]*)", path.read_text())
        for section, rule in re.findall(r"§(\d+)(?:, rule (\d+))?", each)
    }
    assert len(cited) > 10
    assert [each for each in cited if each[1] and f"\n{each[1]}. " not in sections.get(each[0], "")] == []
    assert {section for section, _ in cited} <= sections.keys()


def test_a_runbook_has_the_command_for_what_came_with_a_deployment() -> None:
    told = [each for each in OURS if each.path.parent.name == "runbooks" and "It came with a deployment" in each.text]
    assert len(told) > 5
    assert [each.name for each in told if 'make deploy STAGE=prod ARGS="--back"' not in each.inline] == []


@pytest.mark.parametrize(("page", "command"), commands("scripts/soulseer"))
def test_every_admin_command_of_the_documents_is_one_that_the_command_line_takes(
    page: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(command.replace("…", "X"))[1:]
    monkeypatch.chdir(tmp_path)
    for file in (each for each in words if each.endswith(".pdf")):
        Path(file).touch()
    if words[-1] == "--help":
        with pytest.raises(SystemExit, match="0"):
            parser().parse_args(words)
    else:
        assert parser().parse_args(words)


@pytest.mark.parametrize(("page", "command"), commands("aws"))
def test_every_aws_command_of_the_documents_is_one_of_the_aws_command_line(page: str, command: str) -> None:
    assert aws_faults(command) == []


@pytest.mark.parametrize(("page", "command"), [each for each in commands("curl") if "$API" in each[1]])
def test_every_request_of_the_documents_is_one_that_the_api_knows(page: str, command: str) -> None:
    asked = curl(command)
    assert asked.url.startswith("$API/")
    route = route_of(asked.method, asked.url.removeprefix("$API"))
    assert route, f"{asked.method} {asked.url}"
    operation = routes()[route]
    needs_key = {"$ref": "#/components/parameters/IdempotencyKey"} in operation.get("parameters", [])
    assert ("idempotency-key" in asked.headers) == needs_key
    if asked.data:
        assert asked.headers["content-type"] == "application/json"
        assert asked.body != ""
    if {} not in operation.get("security", [{"bearer": []}]):
        assert asked.headers["authorization"].startswith("Bearer $")


@pytest.mark.parametrize(("page", "command"), [*commands(".venv/bin/python"), *commands("python")])
def test_every_module_that_the_documents_have_run_exists(page: str, command: str) -> None:
    words = shlex.split(command)
    if "-m" in words and (module := words[words.index("-m") + 1]) not in {"pytest", "compileall"}:
        assert any((ROOT / f"{module.replace('.', '/')}{end}").exists() for end in (".py", "/__main__.py")), module


def test_there_are_such_commands() -> None:
    least = {"make": 20, "scripts/soulseer": 15, "curl": 40, "aws": 8}
    assert {first for first, number in least.items() if len(commands(first)) < number} == set()


def test_every_document_is_in_the_index() -> None:
    linked = {(ROOT / "docs" / link.split("#")[0]).resolve() for link in document("docs/README.md").links}
    missing = [each.name for each in OURS if each.path not in linked and each.path.parent.name != "runbooks"]
    assert set(missing) <= {"docs/README.md"}


def test_every_decision_is_in_the_list_of_decisions_by_its_number() -> None:
    listed = re.findall(
        r"^(\d+)\. \[.+\]\((\d{4})-[\w-]+\.md\)$", document("docs/decisions/README.md").text, re.MULTILINE
    )
    assert {int(number) for number, _ in listed} == {int(page) for _, page in listed}
    pages = {each.path.name[:4] for each in DOCUMENTS if each.path.parent.name == "decisions"} - {"READ"}
    assert sorted(page for _, page in listed) == sorted(pages)


def test_every_summary_of_the_api_is_a_whole_sentence() -> None:
    summaries = [operation["summary"] for operation in routes().values()]
    assert len(summaries) > 100
    assert [each for each in summaries if not each.endswith(".")] == []
