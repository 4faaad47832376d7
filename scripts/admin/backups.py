"""The verbs of backups, and of a stage that stands still (docs/runbooks/restore.md)."""

import re
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from typing import Final

from chalicelib.gateways import World
from chalicelib.kernel.errors import InvalidState, NotFound
from chalicelib.kernel.ids import new_id
from chalicelib.kernel.time import SECOND, Millis, rfc3339
from chalicelib.operations import deletions
from chalicelib.payouts import paying
from chalicelib.runtime.tables import Advance
from chalicelib.wallet import statement
from scripts.admin.asking import WHY, Answer, Facts, Plan, Verb, a_moment, a_number, a_text, takes_nothing
from scripts.admin.completion import offers_files
from scripts.admin.progress import bar
from scripts.backup import export, history, restore, standstill
from scripts.backup.model import Backup, DamagedError
from scripts.backup.places import S3, Place, Prefix, place_of

_A_SET: Final = re.compile(r"(-[1-9][0-9]?)?")
"""As the template's parameter TableSet."""
_STRANGE: Final = "is on the list of who leaves, says nothing of anybody, and was passed over: look who put it there"
_MOST_STRANGE: Final = 20
_LONGEST_SETTLE: Final = 900
"""Seconds that a function of Lambda may run."""


def export_stage(world: World, asked: Namespace) -> Plan:
    """To S3 as of one moment, by DynamoDB, while the stage runs on; to a folder by reading, while nobody writes."""
    place = place_of(asked.to)
    export.refuse_where_there_is_one(place)
    tables = export.tables_of(world) if asked.set is None else export.tables_of_set(world, asked.set)
    of_a_moment = isinstance(place, Prefix) and not asked.local
    if of_a_moment:
        at = asked.at or export.newest_moment(tables)
        export.check_moment(tables, at)
    else:
        if tables == export.tables_of(world):
            _refuse_unless_still(world)
        if asked.at:
            raise InvalidState("What is read is as it is now. Of another moment, DynamoDB exports to s3://… on AWS.")
        at = world.now()
    wanted = export.Wanted(new_id("bkp", world.now()), at, tables, objects=not asked.tables_only)

    def act(operator: str, reason: str) -> Answer:
        history.say(world, "backup_exported", operator, reason, backup=wanted.id, at=at)
        with bar(asked, "Copying") as advance:
            if of_a_moment and isinstance(place, Prefix):
                made = export.exported(world, place, wanted, advance)
            else:
                made = export.copied(world, place, wanted, advance)
        return Answer([_facts(made)])

    what = "every table" if asked.tables_only else "every table and what lies in the buckets"
    return Plan((f"copy {what} of {world.settings.stage}, as of {rfc3339(at)}, to {asked.to}",), act)


def show_backup(world: World, asked: Namespace) -> Answer:
    """As its note says it: nothing of it is opened."""
    del world
    return Answer([_facts(_read(place_of(asked.source)))])


def restore_backup(world: World, asked: Namespace) -> Plan:
    """Into empty tables only. Interrupted, it is to be repeated: it goes on. Afterwards payouts are stopped, and
    who has left since the copy's moment is gone again.
    """
    place = place_of(asked.source)
    backup = _read(place)
    _refuse_unless_still(world)
    begun = restore.check(world, backup)

    def act(operator: str, reason: str) -> Answer:
        total = sum(backup.items(name) for name in backup.tables) + sum(backup.objects.values())
        strange: list[str] = []
        try:
            with bar(asked, "Bringing back", total) as advance:
                restore.bring_back(world, place, backup, operator, reason, advance)
        except DamagedError as damaged:
            raise InvalidState(f"{damaged} The stage stands still; what is there already stays.") from None
        why = f"brought back as of {rfc3339(backup.at)}: {reason}"
        paying.freeze(world, actor=operator, reason=why)
        with bar(asked, "Playing again who left") as advance:
            leaving = deletions.play_again(world, operator, why, advance, strange.append)
        with bar(asked, "Following every chain") as advance:
            faults = _faults(world, advance) + [f"{name} {_STRANGE}" for name in strange[:_MOST_STRANGE]]
        history.say(world, "restored", operator, reason, backup=backup.id, faults=len(faults))
        more: Facts = {"leaving": leaving, "faults": faults, "payouts": "stopped"}
        return Answer([_facts(backup) | more], holds=not faults)

    how = "go on bringing back" if begun else "bring back"
    will = f"{how} {sum(map(backup.items, backup.tables))} items of {rfc3339(backup.at)}, and stop payouts"
    return Plan((will,), act)


def _faults(world: World, advance: Advance) -> list[str]:
    """What of the ledger does not add up, in words."""
    trial = statement.trial_balance(world)
    found = [f"the trial balance of {currency} is {total}" for currency, total in trial.total.items() if total]
    for account in trial.chains:
        if broken := statement.verify_chain(world, account).broken_at:
            found.append(f"{account} breaks at entry {broken}")
        advance(1)
    return found + [f"{account} is not the sum of its entries" for account in trial.drifted]


def _read(place: Place) -> Backup:
    try:
        return restore.read(place)
    except DamagedError as damaged:
        raise NotFound(str(damaged)) from None


def _refuse_unless_still(world: World) -> None:
    if going := standstill.running(world):
        raise InvalidState(f"{len(going)} functions can be called, and write: `stage stop` first.")


def _facts(backup: Backup) -> Facts:
    tables = {name: backup.items(name) for name in backup.tables}
    return {
        "id": backup.id,
        "stage": backup.stage,
        "at": rfc3339(backup.at),
        "items": sum(tables.values()),
        "tables": tables,
        "objects": dict(backup.objects),
    }


# --- a stage that stands still -------------------------------------------------------------------


def show_stage(world: World, asked: Namespace) -> Answer:
    """A row for each function. Exit code 1 while some can be called and others not."""
    del asked
    going = set(standstill.running(world))
    known = sorted(standstill.functions(world))
    rows: list[Facts] = [{"function": name, "calls": "taken" if name in going else "refused"} for name in known]
    return Answer(rows, holds=len(going) in (0, len(known)))


def stop_stage(world: World, asked: Namespace) -> Plan:
    """Readings stand, phones hear 503, vendors tell later. What is under way is waited for."""
    going = standstill.running(world)
    longest = max(standstill.functions(world).values(), default=0)
    settle = longest if asked.settle is None else asked.settle

    def act(operator: str, reason: str) -> Answer:
        history.say(world, "stage_stopped", operator, reason, subject=history.STAGE)
        for name in going:
            standstill.stop(name)
        with bar(asked, "Waiting for what is under way", settle) as advance:
            for _ in range(settle):
                time.sleep(1)
                advance(1)
        return show_stage(world, asked)

    will = (
        f"have {len(going)} functions of {world.settings.stage} take no calls, and wait {settle} s for those under way"
    )
    return Plan((will,) if going else (), act)


def start_stage(world: World, asked: Namespace) -> Plan:
    """Refused while a backup is brought back half-way."""
    still = sorted(standstill.functions(world).keys() - set(standstill.running(world)))
    if still and (begun := history.unfinished(world)):
        raise InvalidState(f"{begun.backup} was not brought back to its end. Repeat `backup restore`: it goes on.")

    def act(operator: str, reason: str) -> Answer:
        history.say(world, "stage_started", operator, reason, subject=history.STAGE)
        for name in still:
            standstill.start(name)
        return show_stage(world, asked)

    will = f"have {len(still)} functions of {world.settings.stage} take calls again"
    return Plan((will,) if still else (), act)


# --- arguments -----------------------------------------------------------------------------------


def _second(written: str) -> Millis:
    """Of parts of it, no export is made."""
    return a_moment(written) // SECOND * SECOND


def _set(written: str) -> str:
    if not _A_SET.fullmatch(written):
        raise ArgumentTypeError("write what the names of its tables end with: nothing, or -1 to -99")
    return written


def _seconds(written: str) -> int:
    if a_number(written) > _LONGEST_SETTLE:
        raise ArgumentTypeError(f"write a number of seconds, {_LONGEST_SETTLE} at most")
    return int(written)


def _place(written: str) -> str:
    if written.startswith(S3) and not written.removeprefix(S3).partition("/")[0]:
        raise ArgumentTypeError("write s3://BUCKET/FOLDER, or the path of a folder")
    return a_text(written)


def _takes_export(parser: ArgumentParser) -> None:
    offers_files(
        parser.add_argument(
            "--to", type=_place, required=True, metavar="PLACE", help="a new folder, or s3://BUCKET/FOLDER"
        )
    )
    parser.add_argument("--at", type=_second, help="of which moment, for s3:// on AWS (default: the newest there is)")
    parser.add_argument("--set", type=_set, metavar="SET", help="another set of tables than that in use: '' or -2, …")
    parser.add_argument("--tables-only", action="store_true", help="without what lies in the buckets")


def _takes_source(parser: ArgumentParser) -> None:
    offers_files(
        parser.add_argument(
            "--from", dest="source", type=_place, required=True, metavar="PLACE", help="where the backup lies"
        )
    )


def _takes_settle(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--settle",
        type=_seconds,
        metavar="SECONDS",
        help="how long to wait for what is under way (default: as long as a function may run)",
    )


VERBS: Final = (
    Verb(
        "backup",
        "export",
        "Copy a stage: as of one moment to S3, or by reading it into a folder while it stands still.",
        (
            f"backup export --to s3://BUCKET/2026-11-26 --stage prod {WHY}",
            f"backup export --to s3://BUCKET/before --at 2026-11-26T14:00:00Z --stage prod {WHY}",
            f"backup export --set=-2 --to s3://BUCKET/lost --stage prod {WHY}",
            f"backup export --to backups/today --local {WHY}",
        ),
        _takes_export,
        export_stage,
        changes=True,
    ),
    Verb(
        "backup",
        "show",
        "Show of what stage and moment a backup is, and how much is in it.",
        ("backup show --from backups/today --local", "backup show --from s3://BUCKET/2026-11-26 --stage prod"),
        _takes_source,
        show_backup,
    ),
    Verb(
        "backup",
        "restore",
        "Bring a backup back into empty tables of a stage that stands still, prove the ledger, stop payouts.",
        (
            f"backup restore --from s3://BUCKET/2026-11-26 --stage prod {WHY}",
            f"backup restore --from backups/today --local {WHY}",
        ),
        _takes_source,
        restore_backup,
        changes=True,
    ),
    Verb(
        "stage",
        "show",
        "Show which functions take calls. Exit code 1 while some do and others not.",
        ("stage show --stage prod",),
        takes_nothing,
        show_stage,
    ),
    Verb(
        "stage",
        "stop",
        "Have no function take calls, so that nobody writes: for bringing back a backup.",
        (f"stage stop --stage prod {WHY}", f"stage stop --settle 5 --local {WHY}"),
        _takes_settle,
        stop_stage,
        changes=True,
    ),
    Verb(
        "stage",
        "start",
        "Have every function take calls again. Refused while a backup is brought back half-way.",
        (f"stage start --stage prod {WHY}",),
        takes_nothing,
        start_stage,
        changes=True,
    ),
)
