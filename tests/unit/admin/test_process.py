"""The command line as a process: its exit codes, the Tab key, and what a person sees while it works."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ProfileNotFound, UnauthorizedSSOTokenError

import scripts.admin
from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.runtime.identity import Claims
from chalicelib.runtime.logs import log
from scripts.admin import cli, progress, showing
from scripts.admin.asking import Answer
from scripts.admin.cli import every_verb, run
from tests.support.memory import MemoryTables
from tests.support.worlds import hand_world

ROOT = Path(__file__).parents[3]
SECONDS = 60


@pytest.fixture
def world() -> World:
    return hand_world(MemoryTables())


# --- exit codes


def interrupted(stage: str | None) -> World:
    del stage
    raise KeyboardInterrupt


def test_who_stops_a_look_is_told_that_nothing_was_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["people", "show", "usr_1", "--local"], interrupted) == 130
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "stopped: nothing was changed.\n")


def test_a_disk_that_does_not_take_it_is_a_refusal_and_no_trace(capsys: pytest.CaptureFixture[str]) -> None:
    def full(stage: str | None) -> World:
        raise PermissionError(13, "Permission denied", "/backups/today")

    assert run(["people", "show", "usr_1", "--local"], full) == 1
    assert "Permission denied: '/backups/today'" in capsys.readouterr().err


def test_who_stops_a_plan_that_is_carried_out_is_told_to_repeat_it(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    ada = accounts.sign_in(world, Claims("auth0|ada", "ada@example.com", "Ada")).id

    def operator() -> str:
        raise KeyboardInterrupt

    asked = ["people", "make-admin", ada, "--local", "--reason", "because", "--yes"]
    assert run(asked, lambda _: world, operator) == 130
    told = capsys.readouterr()
    assert told.out == ""
    assert "Repeat the command" in told.err


@pytest.mark.parametrize("how", [["--json"], []])
def test_a_reader_who_went_away_is_no_failure(how: list[str], world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = accounts.sign_in(world, Claims("auth0|ada", "ada@example.com", "Ada")).id
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        assert run(["people", "show", ada, "--local", *how], lambda _: world) == 0


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetFunctionConfiguration")


@pytest.mark.parametrize(
    ("failed", "words"),
    [
        (NoCredentialsError(), "aws sso login --profile"),
        (UnauthorizedSSOTokenError(), "aws sso login --profile ops"),
        (ProfileNotFound(profile="ops"), "aws configure list-profiles"),
        (refusal("ExpiredTokenException"), "aws sso login --profile ops"),
        (refusal("AccessDeniedException"), "with the profile ops"),
        (refusal("ResourceNotFoundException"), "no such stage"),
    ],
)
def test_a_refusal_of_aws_says_what_to_do(
    failed: Exception, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ops")

    def connect(stage: str | None) -> World:
        raise failed

    assert run(["people", "show", "usr_1", "--stage", "dev"], connect) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert words in told.err


def test_the_help_says_each_exit_code_and_every_noun(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(["--help"])
    assert stopped.value.code == 0
    told = capsys.readouterr().out
    for code in (cli.DONE, cli.REFUSED, 2, cli.STOPPED):
        assert f"\n  {code:<4} " in told
    assert [verb.noun for verb in every_verb() if f"\n  {verb.noun} " not in told] == []
    assert all(len(line) <= 80 for line in told.splitlines() if "--reason" not in line)


@pytest.mark.parametrize(
    ("words", "said"), [([], "\nreadings and streams:\n"), (["wallet"], "scripts/soulseer wallet show usr_…")]
)
def test_who_asks_for_nothing_is_shown_what_there_is(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    told = capsys.readouterr()
    assert (told.out, said in told.err) == ("", True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["walet", "show"], "did you mean wallet? `scripts/soulseer --help` lists"),
        (["wallet", "freese"], "did you mean freeze? `scripts/soulseer wallet --help` lists"),
        (["xyzzy"], "there is no 'xyzzy': `scripts/soulseer --help` lists"),
    ],
)
def test_a_word_that_was_misspelt_is_answered_with_what_was_meant(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(words)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("words", [["people"], ["people", "show", "usr_1", "--local"], []])
def test_what_was_given_is_repeated_as_no_terminal_obeys_it(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        run([*words, "--\x1b[31mred"])
    assert all(each.isprintable() for each in capsys.readouterr().err if each != "\n")


def test_a_terminal_without_some_letters_is_told_all_the_same() -> None:
    told = subprocess.run(  # noqa: S603 - our own script
        [ROOT / "scripts" / "soulseer", "--help"],
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert r"usr_\u2026" in told.stdout


def test_no_verb_of_any_module_is_forgotten() -> None:
    modules = [import_module(f"scripts.admin.{each.name}") for each in iter_modules(scripts.admin.__path__)]
    told = [verb for module in modules for verb in getattr(module, "VERBS", ())]
    assert sorted((each.noun, each.name) for each in told) == sorted((each.noun, each.name) for each in every_verb())


def test_a_noun_is_read_without_the_others() -> None:
    """Reading all of them takes most of a second, with each command."""
    code = """import sys
from scripts.admin.cli import parser
parser().parse_args(["secrets", "status", "--local"])
print(sorted({each.split(".")[1] for each in sys.modules if each.startswith("chalicelib.")}))
print("scripts.admin.people" in sys.modules, "scripts.admin.secrets" in sys.modules)"""
    told = subprocess.run(  # noqa: S603 - the lines above
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT
    )
    read, which = told.stdout.splitlines()
    assert which == "False True"
    assert "operations" not in read


def test_the_page_of_a_noun_has_an_example_of_its_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["wallet", "--help"])
    assert "scripts/soulseer wallet show usr_…" in capsys.readouterr().out


# --- the Tab key


def completed(script: str, line: str) -> set[str]:
    """What a real bash offers where the line ends."""
    asked = f"""{script}
COMP_WORDS=({line})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_shtab_soulseer
printf '%s\\n' "${{COMPREPLY[@]}}" """
    shell = subprocess.run(  # noqa: S603 - a script of our own
        ["/usr/bin/env", "bash", "--norc", "-c", asked], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert shell.stderr == ""
    return set(shell.stdout.split())


@pytest.fixture(scope="module")
def script() -> str:
    with pytest.MonkeyPatch.context() as patched, io.StringIO() as said:
        patched.setattr(sys, "stdout", said)
        assert run(["completion", "bash"]) == 0
        return said.getvalue()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("scripts/soulseer w", {"wallet", "words"}),
        ("scripts/soulseer wallet ''", {"show", "freeze", "unfreeze"}),
        ("scripts/soulseer wallet show usr_1 --s", {"--stage"}),
        ("scripts/soulseer wallet show usr_1 --stage ''", {"dev", "staging", "prod"}),
        ("scripts/soulseer --local moderation list --kind r", {"review"}),
        ("scripts/soulseer completion ''", {"bash", "zsh"}),
        ("scripts/soulseer backup restore --from /etc/pass", {"/etc/passwd"}),
    ],
)
def test_bash_offers_what_may_come_next(script: str, line: str, offered: set[str]) -> None:
    assert offered <= completed(script, line)


def test_bash_asks_it_for_a_command_by_its_path_too(script: str) -> None:
    assert "-F _shtab_soulseer soulseer" in script


def test_zsh_has_a_script_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("#compdef soulseer")


# --- what a person sees


class Screen(io.StringIO):
    """An error stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "in_json", "seen"), [(Screen(), False, True), (Screen(), True, False), (io.StringIO(), False, False)]
)
def test_a_bar_is_for_who_looks_at_a_terminal(
    stream: io.StringIO, in_json: bool, seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.bar(Namespace(json=in_json), "following chains", 3) as advance:
        advance(3)
    assert ("following chains" in stream.getvalue()) == seen


@pytest.mark.parametrize(("stream", "seen"), [(Screen(), ["gone_wrong"]), (io.StringIO(), ["moved", "gone_wrong"])])
def test_of_what_services_log_a_terminal_shows_what_is_wrong_and_a_file_has_all(
    stream: io.StringIO, seen: list[str], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(stage: str | None) -> World:
        del stage
        with progress.bar(Namespace(json=False), "working"):
            log.info("moved", state="ended")
            log.error("gone_wrong", state="ended")
        return world

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", stream)
    assert run(["gifts", "list", "--local"], connect) == 0
    assert re.findall(r'"event":"(\w+)"', stream.getvalue()) == seen


def test_what_is_logged_while_a_bar_is_drawn_is_printed_beside_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    with progress.bar(Namespace(json=False), "working") as advance:
        sys.stderr.write("told\n")
        advance(1)
    assert "told" in screen.getvalue()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("values", "drawn"),
    [([0, 50, 100], "▁▄█"), ([0, 0], "▁▁"), ([-100, 0, 100], "▁▄█"), ([7], "█"), ([], "")],
)
def test_a_sparkline_goes_from_zero_to_the_largest(values: list[int], drawn: str) -> None:
    assert showing.sparkline(values) == drawn


def test_a_series_is_drawn_for_a_person_and_told_to_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    found = Answer([{"user": "usr_1", "weeks": [0, 50, 100]}])
    showing.show(found, Namespace(json=False))
    assert "▁▄█" in capsys.readouterr().out
    showing.show(found, Namespace(json=True))
    assert json.loads(capsys.readouterr().out)["rows"][0]["weeks"] == [0, 50, 100]


def test_who_did_it_is_named_without_the_account_that_all_of_a_stage_are_of(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = Answer([{"by": "arn:aws:sts::123456789012:assumed-role/Desk/ann"}])
    showing.show(found, Namespace(json=False))
    assert capsys.readouterr().out.split() == ["by", "assumed-role/Desk/ann"]
    showing.show(found, Namespace(json=True))
    assert "arn:aws:sts::123456789012:assumed-role/Desk/ann" in capsys.readouterr().out


def test_a_person_reads_yes_and_no_and_a_program_true_and_false(capsys: pytest.CaptureFixture[str]) -> None:
    found = Answer([{"id": "rose", "active": True}, {"id": "crown", "active": False}])
    showing.show(found, Namespace(json=False))
    assert capsys.readouterr().out.split() == ["id", "active", "rose", "yes", "crown", "no"]
    showing.show(found, Namespace(json=True))
    assert [each["active"] for each in json.loads(capsys.readouterr().out)["rows"]] == [True, False]


def test_no_line_ends_in_blanks(capsys: pytest.CaptureFixture[str]) -> None:
    showing.show(Answer([{"name": "Ada", "id": "usr_1"}, {"name": "Rosalind", "id": "u"}]), Namespace(json=False))
    assert capsys.readouterr().out == "name      id\nAda       usr_1\nRosalind  u\n"


def test_names_of_facts_are_no_markup_either(capsys: pytest.CaptureFixture[str]) -> None:
    showing.show(Answer([{"of a stranger's file": {"[/x]": 1, "[red]y": 2}}]), Namespace(json=False))
    assert {"[/x]", "[red]y"} <= set(capsys.readouterr().out.split())


def test_facts_of_facts_are_sections_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    found = Answer([{"id": "usr_1", "reader": {"state": "verified"}, "notes": [{"n": 1}, {"n": 2}], "payments": []}])
    showing.show(found, Namespace(json=False))
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == ["id  usr_1", "", "reader", "state  verified", "", "notes", "n", "1", "2", "", "none: payments"]


READINGS = [
    {"at": "2026-11-26T12:00:00.120Z", "reading": "ses_54CNEWYYTNTATM9GFEXH9QSVXB", "state": "finalized", "rate": rate}
    for rate in (250, 3_000)
]


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        (
            80,
            [
                "at                    reading                         state      rate",
                "2026-11-26T12:00:00Z  ses_54CNEWYYTNTATM9GFEXH9QSVXB  finalized   250",
                "2026-11-26T12:00:00Z  ses_54CNEWYYTNTATM9GFEXH9QSVXB  finalized  3000",
            ],
        ),
        (
            55,
            [
                "at                    reading           state      rate",
                "2026-11-26T12:00:00Z  ses_54CNEWYYTNTA  finalized   250",
                "                      TM9GFEXH9QSVXB",
                "2026-11-26T12:00:00Z  ses_54CNEWYYTNTA  finalized  3000",
                "                      TM9GFEXH9QSVXB",
            ],
        ),
        (
            40,
            [
                "at       2026-11-26T12:00:00Z",
                "reading  ses_54CNEWYYTNTATM9GFEXH9QSVXB",
                "state    finalized",
                "rate     250",
                "",
                "at       2026-11-26T12:00:00Z",
                "reading  ses_54CNEWYYTNTATM9GFEXH9QSVXB",
                "state    finalized",
                "rate     3000",
            ],
        ),
    ],
)
def test_what_is_too_wide_folds_its_ids_and_then_is_a_list(
    columns: int, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    showing.show(Answer(READINGS), Namespace(json=False))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == lines


def test_a_pipe_has_whole_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    showing.show(Answer([{"id": "x" * 300, "n": n} for n in range(2)]), Namespace(json=False))
    assert capsys.readouterr().out.splitlines()[1].startswith("x" * 300 + "  0")


@pytest.mark.parametrize("no_color", [False, True])
def test_colours_are_for_terminals_that_want_them(no_color: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    for stream, coloured in ((Screen(), not no_color), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stdout", stream)
        showing.show(Answer([{"owed": -5}]), Namespace(json=False))
        assert ("\x1b[38;5;196m" in stream.getvalue()) == coloured


# --- a process


def test_a_process_that_is_stopped_says_so_with_130_and_no_trace(tmp_path: Path) -> None:
    slow = "import time; print('ready', flush=True); time.sleep(60)"
    program = f"""
import signal, sys
from scripts.admin import cli
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has it ignored in what it starts in the background
def connect(stage):
    {slow}
sys.exit(cli.run(["ledger", "trial-balance", "--local"], connect))
"""
    process = subprocess.Popen(  # noqa: S603 - a program of our own
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    assert process.stderr.readline() == "ready\n"  # the error stream: the answer's has nothing yet
    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=SECONDS)
    assert (process.returncode, said, complained) == (130, "", "stopped: nothing was changed.\n")
