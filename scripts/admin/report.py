"""Reports: what dashboards show, as charts. A report holds numbers and no notes, messages or addresses."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from pydantic import BaseModel
from rich.console import Console

from chalicelib.accounts import service as accounts
from chalicelib.dashboards import rollups, service
from chalicelib.dashboards.client_schemas import ClientDay, ClientNumbers
from chalicelib.dashboards.model.series import Day, Sums
from chalicelib.dashboards.platform_schemas import PlatformView
from chalicelib.dashboards.reader_schemas import ReaderDay, ReaderNumbers
from chalicelib.dashboards.schemas import PeriodView
from chalicelib.dashboards.service import Numbers
from chalicelib.gateways import World
from chalicelib.readers import service as readers
from scripts.admin.asking import Answer, Facts, Verb, a_number, a_text, takes_user
from scripts.admin.charts import figures, terminal
from scripts.admin.charts.report import Report
from scripts.admin.completion import offers_files


def report_client(world: World, asked: Namespace) -> Answer:
    """By id alone: the file may go further than a name should."""
    accounts.person(world, asked.user)
    told = service.numbers(world, rollups.client(asked.user), asked.days, asked.zone)
    facts = _facts(told, ClientNumbers.of, ClientDay.on)
    return _answer(asked, {"client": asked.user} | facts, figures.client(f"Client {asked.user}", told))


def report_reader(world: World, asked: Namespace) -> Answer:
    """Under the name that everybody reads in the directory."""
    found = readers.reader(world, asked.user)
    told = service.numbers(world, rollups.reader(asked.user), asked.days, asked.zone)
    name = f"{found.description.name}, {asked.user}" if found.description else asked.user
    facts = _facts(told, ReaderNumbers.of, ReaderDay.on)
    return _answer(asked, {"reader": asked.user} | facts, figures.reader(f"Reader {name}", told))


def report_platform(world: World, asked: Namespace) -> Answer:
    """What an admin's dashboard says."""
    seen = service.platform(world, asked.days, asked.zone)
    return _answer(asked, PlatformView.of(seen).model_dump(), figures.platform("SoulSeer", seen))


def _facts(numbers: Numbers, of: Callable[[Sums], BaseModel], on: Callable[[Day], BaseModel]) -> Facts:
    return {
        "period": PeriodView.of(numbers).model_dump(),
        "totals": of(numbers.totals).model_dump(),
        "trend": {"now": of(numbers.now).model_dump(), "before": of(numbers.before).model_dump()},
        "series": [on(each).model_dump() for each in numbers.days],
    }


def _answer(asked: Namespace, facts: Facts, report: Report) -> Answer:
    """Files are written in place of what is printed; JSON is printed all the same."""
    if asked.png or asked.html:
        # Here, since Matplotlib takes a second to start.
        from scripts.admin.charts import drawing, page

        if asked.png:
            drawing.png(report, asked.png)
        if asked.html:
            asked.html.write_text(page.html(report), encoding="utf-8")
        written = {"picture": asked.png, "page": asked.html}
        return Answer([facts if asked.json else {name: str(file) for name, file in written.items() if file}])
    return Answer([facts], drawn=partial(_print, report))


def _print(report: Report) -> None:
    terminal.show(report, Console())


def _a_file(ending: str) -> Callable[[str], Path]:
    def read(written: str) -> Path:
        file = Path(a_text(written))
        if file.suffix != ending:
            raise ArgumentTypeError(f"write a file's name that ends in {ending}")
        if not file.parent.is_dir():
            raise ArgumentTypeError(f"there is no folder {file.parent}")
        return file

    return read


def _takes_days(parser: ArgumentParser) -> None:
    parser.add_argument("--days", type=a_number, default=30, help="how many, today the last of them: 1 to 92, else 30")
    parser.add_argument("--zone", type=a_text, default="UTC", help="whose days: a name such as Europe/Berlin, else UTC")
    offers_files(parser.add_argument("--png", type=_a_file(".png"), metavar="FILE", help="draw a picture instead"))
    offers_files(parser.add_argument("--html", type=_a_file(".html"), metavar="FILE", help="write a page instead"))


def _takes_user_and_days(parser: ArgumentParser) -> None:
    takes_user(parser)
    _takes_days(parser)


VERBS: Final = (
    Verb(
        "report",
        "client",
        "Draw what a client spent, by day.",
        ("report client usr_… --local", "report client usr_… --days 7 --zone Europe/Berlin --json --local"),
        _takes_user_and_days,
        report_client,
    ),
    Verb(
        "report",
        "reader",
        "Draw what a reader earned, by day and source.",
        ("report reader usr_… --local", "report reader usr_… --days 92 --png reader.png --stage prod"),
        _takes_user_and_days,
        report_reader,
    ),
    Verb(
        "report",
        "platform",
        "Draw what the platform took in and shared, by day, and say what waits for somebody.",
        ("report platform --local", "report platform --zone America/New_York --html soulseer.html --stage prod"),
        _takes_days,
        report_platform,
    ),
)
