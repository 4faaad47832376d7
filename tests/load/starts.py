"""How a function starts: what its packaged zip weighs, and what it costs a fresh process to be ready.

Each start is a process of its own that has the standard library, the unpacked zip and the function's variables, as on
Lambda. It is measured in processor time, in turns with a bare handler that does ``boto3.client("dynamodb")`` with the
same zip's boto3, twice: its modules alone, and ready, with its settings read and its DynamoDB client made. The api
reads the routes of a path with its first request: it is measured with those of the path that needs most.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from app import app
from scripts.package import package
from tests.load.report import Note, Told, at_most, shown
from tests.load.stage import Stage

_ROUNDS: Final = 9
_TRIES: Final = 3
_BARE: Final = "bare boto3"
_BARE_CODE: Final = "import boto3; boto3.client('dynamodb')"
_LIMIT: Final = 1.2
_SECONDS: Final = 60
_CODE: Final = """
import sys, time
sys.path.insert(0, {task!r})
begun = time.process_time()
{code}
print(time.process_time() - begun)
"""


@dataclass(frozen=True, slots=True)
class Packaged:
    """The zip, unpacked, and what its template tells of the functions."""

    archive: Path
    task: Path
    modules: Mapping[str, str]
    """The module of each function's handler, by the function's name."""
    variables: frozenset[str]


@dataclass
class Starts:
    """Milliseconds of processor time, by round."""

    modules: list[float] = field(default_factory=list)
    ready: list[float] = field(default_factory=list)


def measure(stage: Stage) -> Iterator[Told]:
    """Lines about the zip, and about each function's start."""
    del stage
    with TemporaryDirectory(prefix="soulseer-starts-") as folder:
        packaged = _packaged(Path(folder))
        yield _weighed(packaged.archive)
        path = _path_that_needs_most(packaged)
        bare, starts = _measured(packaged, path)
        yield shown("a bare handler: boto3 and its DynamoDB client", f"{statistics.median(bare):.0f} ms")
        for name, start in starts.items():
            what = f"{name}: its modules, those of {path} too" if name == "api" else f"{name}: its modules"
            yield at_most(f"{what}, {_ms(start.modules)}", _ratio(start.modules, bare), _LIMIT)
            ready, ratio = f"{name}: ready, {_ms(start.ready)}", _ratio(start.ready, bare)
            yield shown(ready, f"{ratio:.2f}x") if name == "api" else at_most(ready, ratio, _LIMIT)
    yield Note(
        "Ready is with the settings read and the DynamoDB client made, as Lambda starts it. For the api no target is "
        "set there: pydantic (45 ms here) and the frozen dataclasses come on top of the client, and every "
        "request but /health would load them anyway."
    )


def _packaged(folder: Path) -> Packaged:
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        package("dev", folder / "package", local=True)
    archive, task = folder / "package" / "deployment.zip", folder / "task"
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(task)
    template: Any = yaml.safe_load((folder / "package" / "sam.yaml").read_text())
    functions = [each["Properties"] for each in template["Resources"].values() if each["Type"].endswith("::Function")]
    return Packaged(
        archive,
        task,
        {each["FunctionName"]["Fn::Sub"].rpartition("-")[2]: each["Handler"].rpartition(".")[0] for each in functions},
        frozenset(template["Globals"]["Function"]["Environment"]["Variables"]),
    )


def _weighed(archive: Path) -> Told:
    with zipfile.ZipFile(archive) as opened:
        sizes = [entry.file_size for entry in opened.infolist()]
    megabytes = f"{archive.stat().st_size / 1e6:.1f} MB  {sum(sizes) / 1e6:.1f} MB unpacked"
    return shown("the zip", f"{len(sizes):,} files  {megabytes}")


def _path_that_needs_most(packaged: Packaged) -> str:
    """Of the paths that read the same parts, one is tried."""
    by_parts = {app.parts_of(path): path for path in app.every_route()}
    return max(by_parts.values(), key=lambda path: min(_start(packaged, _api(path)) for _ in range(_TRIES)))


def _api(path: str) -> str:
    return f"from app import app; app.read({path!r})"


def _measured(packaged: Packaged, path: str) -> tuple[list[float], dict[str, Starts]]:
    """The first round, which fills the system's caches, does not count."""
    bare: list[float] = []
    starts = {name: Starts() for name in packaged.modules}
    for number in range(_ROUNDS + 1):
        bare.append(_start(packaged, _BARE_CODE))
        for name, module in packaged.modules.items():
            code = _api(path) if name == "api" else f"import {module}"
            starts[name].modules.append(_start(packaged, code))
            starts[name].ready.append(_start(packaged, code, AWS_LAMBDA_FUNCTION_NAME=name))
        if number == 0:
            bare.clear()
            starts = {name: Starts() for name in packaged.modules}
    return bare, starts


def _start(packaged: Packaged, code: str, **variables: str) -> float:
    """Milliseconds of processor time. -S: without the packages installed here; -I: without this folder."""
    told = subprocess.run(  # noqa: S603 - this interpreter, our own words
        [sys.executable, "-I", "-S", "-c", _CODE.format(task=str(packaged.task), code=code)],
        env={
            "PATH": os.environ["PATH"],
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **dict.fromkeys(packaged.variables, "1"),
            **variables,
        },
        cwd="/",
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    return float(told.stdout) * 1_000


def _ms(rounds: list[float]) -> str:
    return f"{statistics.median(rounds):.0f} ms"


def _ratio(ours: list[float], bare: list[float]) -> float:
    return statistics.median(mine / other for mine, other in zip(ours, bare, strict=True))
