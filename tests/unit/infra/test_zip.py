"""The packaged zip: what runs on Lambda, alone, with nothing of this machine's packages beside it."""

import ast
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.package import PACKAGING_ONLY, SERVICES, checksum
from tests.unit.infra.made import Package, load

pytestmark = pytest.mark.package
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def unpacked(packaged: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task")
    with zipfile.ZipFile(packaged.folder / "deployment.zip") as opened:
        opened.extractall(folder)
    return folder


def run_alone(unpacked: Path, packaged: Package, code: str, **more: str) -> str:
    """What ``code`` prints in a Python that has the standard library and the zip, and the functions' variables."""
    variables = packaged.template["Globals"]["Function"]["Environment"]["Variables"]
    told = subprocess.run(  # noqa: S603 - this interpreter, our own words
        # -S: without the packages installed here; -I: without this folder and the variables of Python.
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(unpacked)!r})\n{code}"],
        env={"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"} | dict.fromkeys(variables, "1") | more,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


@pytest.fixture(scope="session")
def started(packaged: Package, unpacked: Path) -> dict[str, Any]:
    """What each function is once Lambda has started it, by its name; each in a process of its own, as there."""
    found = {}
    for name, function in packaged.functions.items():
        module, _, attribute = function["Handler"].rpartition(".")
        code = f"""
import {module}
loaded = {{each.partition(".")[0] for each in sys.modules}}
import json
from chalicelib.gateways import world
print(json.dumps({{
    "handler": callable({module}.{attribute}), "loaded": sorted(loaded), "worlds": world.cache_info().currsize
}}))
"""
        found[name] = json.loads(run_alone(unpacked, packaged, code, AWS_LAMBDA_FUNCTION_NAME=name))
    return found


def test_every_handler_is_found_in_the_zip_alone(started: dict[str, Any]) -> None:
    assert [name for name, each in started.items() if not each["handler"]] == []


def test_no_function_starts_with_what_its_first_call_may_not_need(started: dict[str, Any]) -> None:
    """A start pays for every import: what vendors, tokens and readers need comes with the call that needs it."""
    later = {"agora_token_builder", "aws_lambda_powertools", "boto3", "cryptography", "jwt", "pynamodb", "stripe"}
    for name, each in started.items():
        not_yet = later if name == "api" else later | {"pydantic"}
        assert not_yet.isdisjoint(each["loaded"]), name


def test_a_function_that_lambda_has_started_has_its_clients(started: dict[str, Any]) -> None:
    assert {name: each["worlds"] for name, each in started.items()} == dict.fromkeys(started, 1)


def test_everything_that_the_product_imports_is_in_the_zip(packaged: Package, unpacked: Path) -> None:
    wanted = sorted({each for path in (ROOT / "chalicelib").rglob("*.py") for each in imports(path)})
    code = f"""
import importlib, json
missing = []
for module, name in {wanted!r}:
    try:
        if name and not hasattr(importlib.import_module(module), name):
            importlib.import_module(module + "." + name)
        importlib.import_module(module)
    except ImportError as error:
        missing.append(f"{{module}} {{name}}: {{error}}")
print(json.dumps(missing))
"""
    assert json.loads(run_alone(unpacked, packaged, code)) == []


def test_the_world_of_a_function_can_be_made(packaged: Package, unpacked: Path) -> None:
    code = "from chalicelib.gateways import world; print(world().settings.tables.ledger)"
    assert run_alone(unpacked, packaged, code).strip() == "1"


def test_every_aws_service_that_is_called_is_described(packaged: Package, unpacked: Path) -> None:
    called = {
        node.args[0].value
        for path in (ROOT / "chalicelib").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and getattr(node.func, "id", getattr(node.func, "attr", "")) == "client"
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }
    assert called
    assert called <= SERVICES
    code = f"import boto3\nfor name in {sorted(SERVICES - {'signin'})!r}: boto3.client(name)\nprint('made')"
    assert run_alone(unpacked, packaged, code).strip() == "made"


def test_forms_and_links_can_be_made_of_the_descriptions_that_are_left(packaged: Package, unpacked: Path) -> None:
    code = """
from chalicelib.gateways.objects import S3Objects
bucket = S3Objects("bucket")
print(bucket.upload_form("key", "image/png", 1, 1).fields["key"], "key" in bucket.link("key", 1))
"""
    told = run_alone(unpacked, packaged, code, AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    assert told.split() == ["key", "True"]


def test_no_address_changes_by_what_is_taken_out_of_the_descriptions(packaged: Package, unpacked: Path) -> None:
    regions = ("us-east-1", "eu-west-1", "ap-southeast-2", "us-gov-west-1", "cn-north-1")
    code = f"""
import json, botocore.session
made = botocore.session.get_session().create_client
names, regions = {sorted(SERVICES - {"signin"})!r}, {regions!r}
print(json.dumps([made(name, region).meta.endpoint_url for name in names for region in regions]))
"""
    whole = subprocess.run(  # noqa: S603 - this interpreter, our own words
        [sys.executable, "-c", code],
        cwd="/",
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert run_alone(unpacked, packaged, code) == whole.stdout


def test_what_only_packaging_needs_is_not_in_it(packaged: Package) -> None:
    top = {name.split("/")[0].lower() for name in packaged.names}
    modules = {name.replace("-", "_") for name in PACKAGING_ONLY if name != "pyyaml"} | {"yaml", "_yaml"}
    assert not top & (modules | {"tests", "infra", "scripts", "docs", ".chalice", "requirements.txt"})
    assert not [name for name in packaged.names if name.endswith((".pyi", "/RECORD", "/METADATA"))]


def test_every_module_is_compiled(packaged: Package) -> None:
    names = set(packaged.names)
    for name in names:
        if name.endswith(".py"):
            folder, _, file = name.rpartition("/")
            stem = f"__pycache__/{file.removesuffix('.py')}.{sys.implementation.cache_tag}.pyc"
            assert (f"{folder}/{stem}" if folder else stem) in names


def test_no_file_is_in_it_twice(packaged: Package) -> None:
    assert len(packaged.names) == len(set(packaged.names))


def test_the_same_sources_make_the_same_bytes(stages: dict[str, Package]) -> None:
    dev, *others = ((made.folder / "deployment.zip").read_bytes() for made in stages.values())
    assert all(other == dev for other in others)


def test_what_is_made_of_the_same_sources_is_not_made_again(packaged: Package) -> None:
    before = (packaged.folder / "deployment.zip").stat().st_mtime_ns
    load(packaged.folder, "dev")
    assert (packaged.folder / "deployment.zip").stat().st_mtime_ns == before


def test_a_source_that_changes_comes_or_goes_is_packaged(tmp_path: Path) -> None:
    module = tmp_path / "code" / "model.py"
    module.parent.mkdir()
    module.write_text("A = 1")

    def told() -> str:
        return checksum([module.parent], "dev")

    seen = [told()]
    assert told() == seen[0] != checksum([module.parent], "prod")
    module.write_text("A = 2")
    seen.append(told())
    module.rename(module.with_name("models.py"))
    seen.append(told())
    module.write_text("A = 1")
    seen.append(told())
    assert len(set(seen)) == len(seen)
    (module.parent / "__pycache__").mkdir()
    (module.parent / "__pycache__" / "model.pyc").write_text("")
    assert told() == seen[-1]


def test_it_fits_lambda_with_room_to_grow(packaged: Package) -> None:
    with zipfile.ZipFile(packaged.folder / "deployment.zip") as opened:
        unpacked_bytes = sum(entry.file_size for entry in opened.infolist())
    assert unpacked_bytes < 125_000_000  # Lambda takes twice that
    assert (packaged.folder / "deployment.zip").stat().st_size < 50_000_000


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """``(module, name)`` of every import in a file, at whatever depth; not those for type checkers only."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, each.name) for each in node.names)
        waiting += ast.iter_child_nodes(node)
