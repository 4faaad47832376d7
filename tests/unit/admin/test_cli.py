import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.readers import reviews
from chalicelib.readers import service as readers
from chalicelib.runtime.identity import Claims
from chalicelib.sessions import afterwards
from chalicelib.sessions.model.commands import finish
from scripts.admin.asking import Verb
from scripts.admin.cli import every_verb, parser, run
from tests.support.memory import MemoryTables
from tests.support.reading import CLIENT, READER, SESSION, Stage
from tests.support.worlds import hand_world

ROOT = Path(__file__).parents[3]
OPERATOR = "arn:aws:iam::000000000000:user/ops"
WHY = ["--reason", "because", "--yes"]


@pytest.fixture
def tables() -> MemoryTables:
    return MemoryTables()


@pytest.fixture
def world(tables: MemoryTables) -> World:
    return hand_world(tables)


Command = Callable[..., int]


@pytest.fixture
def soulseer(world: World) -> Command:
    return lambda *arguments: run([*arguments, "--local"], lambda _: world, lambda: OPERATOR)


@pytest.fixture
def ada(world: World) -> str:
    return accounts.sign_in(world, Claims("auth0|ada", "ada@example.com", "Ada [bold]")).id


def test_a_change_is_only_shown_until_it_is_confirmed(
    soulseer: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("people", "make-admin", ada, "--reason", "because") == 0
    assert "Nothing was done" in capsys.readouterr().out
    assert accounts.person(world, ada).role == "client"
    assert soulseer("people", "make-admin", ada, *WHY) == 0
    assert accounts.person(world, ada).role == "admin"


def test_a_change_is_audited_under_the_operators_identity_and_once(
    soulseer: Command, tables: MemoryTables, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("people", "make-admin", ada, *WHY) == 0
    assert soulseer("people", "make-admin", ada, *WHY) == 0
    assert "so already" in capsys.readouterr().out
    assert [(row["actor"], row["reason"]) for row in tables.rows["audit"].values()] == [(OPERATOR, "because")]


def test_a_change_without_a_reason_is_wrong_usage(soulseer: Command, ada: str) -> None:
    for reason in ([], ["--reason", " "], ["--reason", "x" * 501]):
        with pytest.raises(SystemExit) as stopped:
            soulseer("people", "make-admin", ada, *reason, "--yes")
        assert stopped.value.code == 2


@pytest.mark.parametrize("where", [[], ["--local", "--stage", "dev"], ["--stage", "nowhere"]])
def test_where_to_work_must_be_said_once(where: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["people", "show", "usr_1", *where])
    assert stopped.value.code == 2


def test_options_may_stand_before_the_verb(world: World, ada: str, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[str | None] = []

    def connect(stage: str | None) -> World:
        asked.append(stage)
        return world

    assert run(["--stage", "dev", "--json", "people", "show", ada], connect) == 0
    assert asked == ["dev"]
    assert json.loads(capsys.readouterr().out)["rows"][0]["id"] == ada


def test_what_is_missing_is_refused_with_the_reason_on_the_error_stream(
    soulseer: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("people", "show", "usr_nobody") == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "not_found" in told.err


def test_a_change_the_rules_forbid_is_refused_before_it_is_confirmed(soulseer: Command, world: World, ada: str) -> None:
    token, _ = readers.invite(world, email=None, actor=OPERATOR, reason="because")
    readers.accept_invitation(world, ada, token)
    assert soulseer("readers", "verify", ada, "--reason", "because") == 1
    assert soulseer("people", "make-admin", ada, "--reason", "because") == 1


def test_an_invitation_printed_here_makes_a_reader(
    soulseer: Command, world: World, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("readers", "invite", "--email", "ada@example.com", "--json", *WHY) == 0
    token = json.loads(capsys.readouterr().out)["rows"][0]["token"]
    readers.accept_invitation(world, ada, token)
    assert accounts.person(world, ada).role == "reader"


def test_suspending_a_reader_takes_them_out_of_the_directory(soulseer: Command, world: World, ada: str) -> None:
    token, _ = readers.invite(world, email=None, actor=OPERATOR, reason="because")
    readers.accept_invitation(world, ada, token)
    readers.describe(world, ada, readers.Description("ada", "Ada", "", (), ()))
    assert soulseer("readers", "verify", ada, *WHY) == 0
    assert soulseer("people", "suspend", ada, *WHY) == 0
    assert accounts.person(world, ada).suspended
    assert not readers.reader(world, ada).verified
    assert soulseer("people", "reinstate", ada, *WHY) == 0
    assert not accounts.person(world, ada).suspended


@pytest.mark.parametrize("by", [["--sub", "auth0|ada"], ["--email", "ADA@example.com"]])
def test_people_are_found_by_subject_or_address(
    soulseer: Command, ada: str, by: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("people", "find", *by, "--json") == 0
    assert [row["id"] for row in json.loads(capsys.readouterr().out)["rows"]] == [ada]


def test_a_name_is_printed_as_it_is_and_never_as_markup(
    soulseer: Command, ada: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("people", "show", ada) == 0
    assert "Ada [bold]" in capsys.readouterr().out


# --- what follows a reading


@pytest.fixture
def stage(world: World) -> Stage:
    """A reading of 250 cents that is settled; its client has asked for satisfaction."""
    stage = Stage().begun().at(10)
    stage.client(finish)
    afterwards.ask_guarantee(stage.world, SESSION, CLIENT, "It was [bold].")
    afterwards.review(stage.world, SESSION, CLIENT, 1, "Never again.")
    return stage


def on(stage: Stage) -> Command:
    return lambda *arguments: run([*arguments, "--local"], lambda _: stage.world, lambda: OPERATOR)


def rows(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["rows"]
    return found


def test_granting_a_request_says_first_what_it_moves_and_from_whom(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    soulseer = on(stage)
    assert soulseer("guarantees", "list", "--json") == 0
    (asked,) = rows(capsys)
    assert (asked["amount"], asked["client"], asked["reason"]) == (250, CLIENT, "It was [bold].")
    assert soulseer("guarantees", "grant", asked["id"], "--reason", "because") == 0
    said = capsys.readouterr().out
    for words in ("give 250 cents back", "take 175 cents", "bear the other 75 cents", "Nothing was done"):
        assert words in said
    assert stage.balance == 9_750
    assert soulseer("guarantees", "grant", asked["id"], *WHY) == 0
    assert stage.balance == 10_000
    capsys.readouterr()
    assert soulseer("guarantees", "grant", asked["id"], *WHY) == 0
    assert "so already" in capsys.readouterr().out
    assert soulseer("guarantees", "refuse", asked["id"], *WHY) == 1
    assert soulseer("guarantees", "list", "--json") == 0
    assert rows(capsys) == []


def test_a_promotional_part_is_said_before_it_is_granted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    stage = Stage()
    stage.promo(100, until=9_000)
    stage.begun().at(10).client(finish)
    asked = afterwards.ask_guarantee(stage.world, SESSION, CLIENT, "x")
    assert on(stage)("guarantees", "grant", asked.id, "--reason", "because") == 0
    assert "100 of them promotional, for seven days" in " ".join(capsys.readouterr().out.split())


def test_refusing_a_request_moves_nothing(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    soulseer = on(stage)
    asked = afterwards.guarantee_of(stage.world, SESSION, CLIENT)
    assert soulseer("guarantees", "refuse", asked.id, *WHY) == 0
    assert stage.balance == 9_750
    assert soulseer("guarantees", "refuse", asked.id, *WHY) == 0
    assert soulseer("guarantees", "grant", asked.id, *WHY) == 1
    assert soulseer("guarantees", "refuse", "gua_none", *WHY) == 1


def test_a_review_is_removed_for_cause(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    ((review,), _) = reviews.page(stage.world, READER, 20, None)
    soulseer = on(stage)
    assert soulseer("reviews", "remove", review.id, "--reason", "because") == 0
    assert readers.reader(stage.world, READER).rating == 1
    assert soulseer("reviews", "remove", review.id, *WHY) == 0
    assert readers.reader(stage.world, READER).rating is None
    capsys.readouterr()
    assert soulseer("reviews", "remove", review.id, *WHY) == 0
    assert "so already" in capsys.readouterr().out
    assert soulseer("reviews", "remove", "rev_none", *WHY) == 1


def test_an_empty_ledger_balances(soulseer: Command) -> None:
    assert soulseer("ledger", "trial-balance") == 0


def test_what_was_never_posted_to_proves_nothing(soulseer: Command, ada: str) -> None:
    assert soulseer("ledger", "verify", f"credit:{ada}") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("readers", "invite", "--email", ""),
        ("readers", "invite", "--email", "nobody"),
        ("people", "show", "../x"),
        ("people", "show", ""),
        ("people", "find", "--email", ""),
        ("people", "find", "--sub", "\udcff"),
        ("ledger", "verify", "usr_1"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(soulseer: Command, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as stopped:
        soulseer(*words, "--reason", "a test") if words[1] == "invite" else soulseer(*words)
    assert stopped.value.code == 2


def test_every_verb_says_in_a_sentence_what_it_does() -> None:
    assert [each.help for each in every_verb() if not (each.help[0].isupper() and each.help.endswith("."))] == []


@pytest.mark.parametrize("example", [each for verb in every_verb() for each in verb.examples])
def test_every_example_is_one_that_the_command_line_takes(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("guide.pdf").touch()
    assert parser().parse_args(shlex.split(example.replace("…", "X")))


@pytest.mark.parametrize("verb", every_verb(), ids=lambda verb: f"{verb.noun} {verb.name}")
def test_every_verb_shows_examples_that_name_it(verb: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run([verb.noun, verb.name, "--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    assert f"scripts/soulseer {verb.noun} {verb.name}" in told
    assert all(len(line) <= 80 for line in told.partition("\n\n")[2].partition("\n\n")[0].splitlines())


PLACES = ("tests/e2e", "tests/integration", "infra/local")
ON_A_STACK = "".join(path.read_text() for place in PLACES for path in (ROOT / place).glob("*.py"))


@pytest.mark.parametrize("verb", every_verb(), ids=lambda verb: f"{verb.noun} {verb.name}")
def test_every_verb_is_carried_out_on_the_local_stack(verb: Verb) -> None:
    """Its refusals are in tests/e2e/test_desk.py, which goes through all of them."""
    assert re.search(rf'"{verb.noun}", "{verb.name}"', ON_A_STACK)
