"""A stage copied, emptied and brought back on DynamoDB and S3: to the byte; interrupted, refused, damaged, held up."""

from __future__ import annotations

import errno
import gzip
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from chalicelib.accounts import service as accounts
from chalicelib.gateways import World
from chalicelib.gateways.objects import S3Objects
from chalicelib.operations import deletions, departures
from chalicelib.operations.model.deletion import Deletion
from chalicelib.payouts import paying
from chalicelib.runtime import audit
from chalicelib.runtime.identity import Claims
from infra.local.emptied import empty, look
from scripts.admin.cli import run
from scripts.backup import export, history, model, restore, standstill
from scripts.backup.export import Wanted, dynamodb, tables_of
from scripts.backup.places import Folder, Place, Prefix, s3
from tests.support.faults import answer, refusal

HERE = ("--local", "--json")
WHY = ("--reason", "a test", "--yes")
ODD: dict[str, Any] = {
    "S": "é",
    "N": "-12345678901234567890.5",
    "B": b"\x00\xff",
    "SS": ["a", "b"],
    "NULL": True,
    "L": [{"B": b"\x01"}],
}

Soulseer = Callable[..., int]


@pytest.fixture
def stage(product: World, monkeypatch: pytest.MonkeyPatch, aws_url: str) -> Iterator[World]:
    """With buckets of its own, some things in it, and no function that could be called."""
    own = uuid4().hex[:12]
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_url)
    buckets: dict[str, Any] = {name: f"soulseer-test-{own}-{name}" for name in (*model.BUCKETS, "exports")}
    for bucket in buckets.values():
        s3().create_bucket(Bucket=bucket)
    named: dict[str, Any] = {f"{name}_bucket": bucket for name, bucket in buckets.items()}
    held: dict[str, Any] = {name: S3Objects(bucket) for name, bucket in buckets.items()}
    world = replace(product, settings=replace(product.settings, **named), **held)
    for number in range(60):
        put(world, "wallet", pk=f"usr_{number}", **ODD)
        put(world, "notices", pk=f"usr_{number}")
    put(world, "audit", pk="usr_1", action={"S": "frozen"})
    s3().put_object(
        Bucket=settings_bucket(world, "files"), Key="a/file é.pdf", Body=b"%PDF", ContentType="application/pdf"
    )
    s3().put_object(Bucket=settings_bucket(world, "pictures"), Key="uploads/x", Body=b"x", ContentType="image/png")
    yield world
    empty(dynamodb(), tables_of(world).values())


def put(world: World, table: str, *, pk: str, sk: str = "-", **more: Any) -> None:
    item = {"pk": {"S": pk}, "sk": {"S": sk}}
    held = {f"a {kind}": {kind: value} for kind, value in more.items() if kind in ODD}
    plain = {name: value for name, value in more.items() if name not in ODD}
    dynamodb().put_item(TableName=tables_of(world)[table], Item=item | held | plain)


def settings_bucket(world: World, name: str) -> str:
    return export.buckets_of(world)[name]


@pytest.fixture
def soulseer(stage: World) -> Soulseer:
    def asked(*arguments: str) -> int:
        why = () if arguments[:2] == ("backup", "show") else WHY
        return run([*arguments, *why, *HERE], lambda _: stage, lambda: "arn:ops")

    return asked


def lost(world: World) -> dict[str, Any]:
    """All tables and the sold files are gone; what was in the tables."""
    was = look(dynamodb(), tables_of(world).values())
    empty(dynamodb(), tables_of(world).values())
    s3().delete_object(Bucket=settings_bucket(world, "files"), Key="a/file é.pdf")
    return was


def is_as_it_was(world: World, was: dict[str, Any]) -> bool:
    now = look(dynamodb(), tables_of(world).values())
    return all({key: now[name].get(key) for key in rows} == rows for name, rows in was.items())


@pytest.mark.parametrize("where", ["a folder", "S3"])
def test_what_is_brought_back_is_to_the_byte_what_was_copied(
    stage: World, soulseer: Soulseer, tmp_path: Path, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = f"soulseer-test-{uuid4().hex[:12]}"
    s3().create_bucket(Bucket=bucket)
    place = str(tmp_path / "copy") if where == "a folder" else f"s3://{bucket}/copies/one"
    assert soulseer("backup", "export", "--to", place) == 0
    was = lost(stage)
    assert soulseer("backup", "restore", "--from", place) == 0
    told = json.loads(capsys.readouterr().out.split("\n}\n")[1] + "\n}")["rows"][0]
    assert (told["tables"]["wallet"], told["objects"]["files"], told["objects"]["pictures"]) == (60, 1, 0)
    assert soulseer("backup", "show", "--from", place) == 0
    assert is_as_it_was(stage, was)
    found = s3().get_object(Bucket=settings_bucket(stage, "files"), Key="a/file é.pdf")
    assert (found["Body"].read(), found["ContentType"]) == (b"%PDF", "application/pdf")
    assert paying.why_frozen(stage)
    said = [row["action"] for row in history.told(stage)]
    assert (said[0], said[-1], said.count("table_restored")) == ("restored", "backup_exported", len(was))


def test_who_left_after_the_copy_is_gone_before_the_stage_opens(
    stage: World, soulseer: Soulseer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone, stays = (accounts.sign_in(stage, Claims(f"auth0|{name}", None, name)).id for name in ("gone", "stays"))
    copied(stage, tmp_path)
    departures.tell(stage, Deletion(gone, "closed", stage.now()), "closed")
    stage.digests.put("leaving/nobody", b"", "text/plain")
    lost(stage)
    assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 1
    (told,) = json.loads(capsys.readouterr().out)["rows"]
    assert (told["leaving"], [each.partition(" ")[0] for each in told["faults"]]) == (1, ["leaving/nobody"])
    assert history.unfinished(stage) is None  # nobody can take that away: the stage may start all the same
    assert (accounts.is_deleted(stage, gone), accounts.is_deleted(stage, stays)) == (True, False)
    assert deletions.deletion_of(stage, gone).state == "closed"


def test_a_table_that_a_stream_is_read_of_comes_last(stage: World, tmp_path: Path) -> None:
    """Whoever is told of a notice finds what was told of it before."""
    streams = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    dynamodb().update_table(TableName=tables_of(stage)["accounts"], StreamSpecification=streams)
    place = copied(stage, tmp_path)
    lost(stage)
    restore.bring_back(stage, place, restore.read(place), "arn:ops", "a test", lambda _: None)
    order = [row["detail"]["table"] for row in history.told(stage)[::-1] if row["action"] == "table_restored"]
    assert (order[0], order[-1]) == ("audit", "accounts")


def copied(world: World, folder: Path) -> Place:
    place = Folder(folder / "copy")
    export.copied(world, place, Wanted("bkp_1", 1_000, tables_of(world)), lambda _: None)
    return place


class _Dies(Exception):
    pass


@pytest.mark.parametrize("after", [1, 70])
def test_a_restore_that_died_goes_on_and_nothing_starts_before_it_is_whole(
    stage: World, soulseer: Soulseer, tmp_path: Path, after: int, capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied(stage, tmp_path)
    was = lost(stage)
    left = after

    def die(count: int) -> None:
        nonlocal left
        left -= count
        if left <= 0:
            raise _Dies

    with pytest.raises(_Dies):
        restore.bring_back(stage, place, restore.read(place), "arn:ops", "a test", die)
    with function(stage, still=True):
        assert soulseer("stage", "start") == 1
        assert "was not brought back to its end" in capsys.readouterr().err
        assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 0
        assert soulseer("stage", "start") == 0
    assert is_as_it_was(stage, was)


class function:  # noqa: N801 - reads as the noun it is: ``with function(world):``
    """A function of the stage is there meanwhile."""

    def __init__(self, world: World, *, still: bool) -> None:
        self.name, self.still = f"soulseer-{world.settings.stage}-api", still

    def __enter__(self) -> None:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as opened:
            opened.writestr("a.py", "")
        boto3.client("lambda").create_function(
            FunctionName=self.name,
            Runtime="python3.11",
            Role="arn:aws:iam::0:role/r",
            Handler="a.b",
            Code={"ZipFile": code.getvalue()},
        )
        if self.still:
            standstill.stop(self.name)

    def __exit__(self, *_: object) -> None:
        boto3.client("lambda").delete_function(FunctionName=self.name)


def test_another_set_of_tables_is_read_while_the_stage_runs_for_nobody_writes_there(
    stage: World, soulseer: Soulseer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with function(stage, still=False):
        assert soulseer("backup", "export", "--set=-7", "--to", str(tmp_path / "new")) == 1
    assert "ResourceNotFound" in capsys.readouterr().err  # it was looked for, and is not there


def test_nothing_is_copied_or_brought_back_while_somebody_may_write(
    stage: World, soulseer: Soulseer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(stage, tmp_path)
    with function(stage, still=False):
        for command in (("export", "--to", str(tmp_path / "new")), ("restore", "--from", str(tmp_path / "copy"))):
            assert soulseer("backup", *command) == 1
            assert "`stage stop` first" in capsys.readouterr().err
        assert soulseer("stage", "stop", "--settle", "0") == 0
        assert soulseer("backup", "export", "--to", str(tmp_path / "new")) == 0
    assert not (tmp_path / "copy" / "tables" / "limits").exists()


def test_a_stage_stops_and_starts_once_and_says_so(
    stage: World, soulseer: Soulseer, capsys: pytest.CaptureFixture[str]
) -> None:
    with function(stage, still=False):
        for command, calls in (("stop", "refused"), ("start", "taken")):
            assert soulseer("stage", command, *(("--settle", "0") if command == "stop" else ())) == 0
            assert json.loads(capsys.readouterr().out)["rows"] == [{"function": "soulseer-dev-api", "calls": calls}]
            assert soulseer("stage", command) == 0
            assert json.loads(capsys.readouterr().out) == {"done": True, "would": [], "rows": []}
    rows = stage.tables.query(stage.settings.tables.audit, ("pk", history.STAGE)).items
    assert [(row["action"], row["actor"]) for row in rows] == [
        ("stage_stopped", "arn:ops"),
        ("stage_started", "arn:ops"),
    ]


@pytest.mark.parametrize("table", ["wallet", "audit"])
def test_nothing_is_written_over_anything(
    stage: World, soulseer: Soulseer, tmp_path: Path, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(stage, tmp_path)
    lost(stage)
    stage.tables.write(
        audit.entry(stage.settings.tables.audit, subject="stage", action="stage_stopped", actor="a", reason="b", at=1)
    )
    put(stage, table, pk="usr_new")
    was = look(dynamodb(), tables_of(stage).values())
    assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 1
    assert f"not empty: {table}." in capsys.readouterr().err
    assert look(dynamodb(), tables_of(stage).values()) == was


def test_another_backup_does_not_come_into_one_that_is_brought_back_half_way(
    stage: World, soulseer: Soulseer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(stage, tmp_path)
    lost(stage)
    history.say(stage, "restore_began", "arn:ops", "a test", backup="bkp_0")
    assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 1
    assert "bkp_0 is being brought back here" in capsys.readouterr().err


def cut_short(folder: Path) -> None:
    wallet = next((folder / "tables" / "wallet").iterdir())
    wallet.write_bytes(wallet.read_bytes()[:-20])


def a_line_less(folder: Path) -> None:
    wallet = next((folder / "tables" / "wallet").iterdir())
    lines = gzip.decompress(wallet.read_bytes()).splitlines(keepends=True)
    wallet.write_bytes(gzip.compress(b"".join(lines[1:])))


def a_file_less(folder: Path) -> None:
    next((folder / "tables" / "wallet").iterdir()).unlink()


def an_item_too_large(folder: Path) -> None:
    wallet = next((folder / "tables" / "wallet").iterdir())
    first, *others = gzip.decompress(wallet.read_bytes()).splitlines()
    item = json.loads(first)["Item"] | {"much": {"S": "x" * 500_000}}
    wallet.write_bytes(gzip.compress(b"\n".join([json.dumps({"Item": item}).encode(), *others])))


def an_item_of_another_table(folder: Path) -> None:
    wallet = next((folder / "tables" / "wallet").iterdir())
    _, *others = gzip.decompress(wallet.read_bytes()).splitlines()
    wallet.write_bytes(gzip.compress(b"\n".join([b'{"Item": {"account": {"S": "a"}}}', *others])))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (cut_short, "json.gz is damaged"),
        (a_line_less, "instead of"),
        (a_file_less, "There is no tables/wal"),
        (an_item_too_large, "does not take"),
        (an_item_of_another_table, "does not take"),
    ],
)
def test_a_backup_that_is_not_whole_is_found_out_and_a_whole_copy_of_it_goes_on(
    stage: World,
    soulseer: Soulseer,
    tmp_path: Path,
    damage: Callable[[Path], None],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copied(stage, tmp_path)
    shutil.copytree(tmp_path / "copy", tmp_path / "whole")
    was = lost(stage)
    damage(tmp_path / "copy")
    assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 1
    assert says in capsys.readouterr().err
    begun = history.unfinished(stage)
    assert begun
    assert "wallet" not in begun.done
    assert soulseer("backup", "restore", "--from", str(tmp_path / "whole")) == 0
    assert is_as_it_was(stage, was)


def test_an_object_that_is_not_to_the_byte_what_was_kept_is_not_given_back(
    stage: World, soulseer: Soulseer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(stage, tmp_path)
    lost(stage)
    kept = tmp_path / "copy" / model.object_name("files", "a/file é.pdf")
    for other in (b"%PDX", b"%PD", b""):
        kept.write_bytes(other)
        assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 1
        assert "is not what was kept" in capsys.readouterr().err
    assert s3().list_objects_v2(Bucket=settings_bucket(stage, "files"))["KeyCount"] == 0


class Failing(Folder):
    """Fails with the third file."""

    def __init__(self, path: Path, failure: BaseException) -> None:
        super().__init__(path)
        self._left, self._failure = 3, failure

    def write(self, name: str, content: bytes) -> None:
        self._left -= 1
        if self._left <= 0:
            raise self._failure
        super().write(name, content)


@pytest.mark.parametrize("failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_an_export_that_was_stopped_is_no_backup_and_is_made_again_at_the_same_place(
    stage: World, soulseer: Soulseer, tmp_path: Path, failure: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Failing(tmp_path / "copy", failure)
    with pytest.raises(type(failure)):
        export.copied(stage, place, Wanted("bkp_1", 1_000, tables_of(stage)), lambda _: None)
    assert soulseer("backup", "show", "--from", str(tmp_path / "copy")) == 1
    assert "There is no backup.json" in capsys.readouterr().err
    assert soulseer("backup", "export", "--to", str(tmp_path / "copy")) == 0
    was = lost(stage)
    assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 0
    assert is_as_it_was(stage, was)


def test_who_writes_meanwhile_after_all_is_found_out(stage: World, tmp_path: Path) -> None:
    place = copied(stage, tmp_path)
    lost(stage)
    with pytest.raises(model.DamagedError, match=r"wallet holds \+1 items beside the 60"):
        restore.bring_back(
            stage, place, restore.read(place), "arn:ops", "a test", lambda _: put(stage, "wallet", pk="usr_new")
        )


def test_a_stage_gets_its_own_tables_back_and_no_others(
    stage: World, soulseer: Soulseer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(stage, tmp_path)
    lost(stage)
    note = tmp_path / "copy" / "backup.json"
    told = json.loads(note.read_text())
    tables: dict[str, Any] = told["tables"]
    for change, says in (
        ({"stage": "prod"}, "a backup of prod"),
        ({"tables": tables | {"tarot": []}}, "not here: tarot"),
        ({"tables": {name: files for name, files in tables.items() if name != "wallet"}}, "are here: wallet"),
    ):
        note.write_text(json.dumps(told | change))
        assert soulseer("backup", "restore", "--from", str(tmp_path / "copy")) == 1
        assert says in capsys.readouterr().err
    assert history.unfinished(stage) is None


def test_a_second_backup_is_not_put_over_the_first(
    soulseer: Soulseer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert soulseer("backup", "export", "--to", str(tmp_path / "copy")) == 0
    assert soulseer("backup", "export", "--to", str(tmp_path / "copy")) == 1
    assert "There is a backup at that place already" in capsys.readouterr().err


def test_what_dynamodb_leaves_undone_or_does_not_answer_is_put_again(stage: World) -> None:
    name = tables_of(stage)["scheduling"]
    items = [{"pk": {"S": f"bkg_{number}"}, "sk": {"S": "-"}} for number in range(25)]
    undone = answer({"UnprocessedItems": {name: [{"PutRequest": {"Item": item}} for item in items]}})
    busy = refusal("TransactionConflictException")
    waits: list[float] = []
    come = iter([undone, busy, undone])
    events, event = dynamodb().meta.events, "before-send.dynamodb.BatchWriteItem"

    def meet(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        return send(request) if (send := next(come, None)) else None

    events.register_first(event, meet)
    try:
        assert restore.put_all(name, items, waits.append) == 25
    finally:
        events.unregister(event, meet)
    assert len(dynamodb().scan(TableName=name)["Items"]) == 25
    assert len(waits) == 3


def test_an_export_of_dynamodbs_is_read_as_it_writes_it(stage: World) -> None:
    """The local AWS takes the order and writes nothing: here that is done in AWS' own form."""
    bucket = f"soulseer-test-{uuid4().hex[:12]}"
    s3().create_bucket(Bucket=bucket)
    place = Prefix(bucket, "nightly/one")
    for physical in tables_of(stage).values():
        dynamodb().update_continuous_backups(
            TableName=physical, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    at = export.newest_moment(tables_of(stage))
    was = look(dynamodb(), tables_of(stage).values())

    def dynamodb_writes(_: float) -> None:
        for told in dynamodb().list_exports()["ExportSummaries"]:
            export_of(told["ExportArn"], was)

    wanted = Wanted("bkp_2", at, tables_of(stage), objects=False)
    made = export.exported(stage, place, wanted, lambda _: None, dynamodb_writes)
    assert (made.items("wallet"), made.at) == (60, at)
    lost(stage)
    restore.bring_back(stage, place, restore.read(place), "arn:ops", "a test", lambda _: None)
    assert is_as_it_was(stage, was)


def export_of(arn: str, rows: dict[str, Any]) -> None:
    """What DynamoDB writes: two files of items, a list of them and a summary, below the prefix that it was given."""
    told = dynamodb().describe_export(ExportArn=arn)["ExportDescription"]
    base = f"{told['S3Prefix']}/AWSDynamoDB/{arn.rpartition('/')[2]}"
    items = list(rows[told["TableArn"].rpartition("/")[2]].values())
    listed = []
    for number, some in enumerate((items[:7], items[7:])):
        key = f"{base}/data/{number}abc.json.gz"
        s3().put_object(Bucket=told["S3Bucket"], Key=key, Body=model.packed(map(model.line_of, some)))
        listed.append(json.dumps({"itemCount": len(some), "md5Checksum": "x", "etag": "y", "dataFileS3Key": key}))
    s3().put_object(Bucket=told["S3Bucket"], Key=f"{base}/manifest-files.json", Body="\n".join(listed).encode())
    summary = {"version": "2020-06-30", "exportArn": arn, "manifestFilesS3Key": f"{base}/manifest-files.json"}
    s3().put_object(Bucket=told["S3Bucket"], Key=f"{base}/manifest-summary.json", Body=json.dumps(summary).encode())
