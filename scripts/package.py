"""Package a stage: ``sam.yaml`` and ``deployment.zip``, ready for CloudFormation.

    python scripts/package.py --stage dev --out build/dev
    python scripts/package.py --stage prod --out build/prod
    python scripts/package.py --stage dev --out build/local --local

Chalice makes the template and the zip; this script makes them fit to deploy:

1. **Dependencies** are built by Chalice once for a ``requirements.txt`` and kept in ``build/.cache``. Chalice itself
   would build them again whenever a line of the app changes, because it keys its own cache by both.
2. **Pruned**: what only packaging needs (pip, setuptools, the prompts of Chalice's command line), tests, type stubs,
   botocore's descriptions of services which the product never calls, and in those that stay the words for people.
3. **Compiled**: Lambda's file system is read-only, so without .pyc files every cold start compiles every import anew.
   They are marked "unchecked": nobody edits a source on Lambda, and checking costs a look at each file. Sources stay,
   for the lines in a traceback.
4. **Swagger UI** is added for the page at /docs, from the wheel of ``requirements-docs.txt``, pinned by its checksum.
5. **Reproducible**: sorted names and one fixed time. The same sources give the same bytes, so that deploying what has
   not changed changes nothing.
6. **Template**: ``infra/template`` (scripts/template.py) is merged in by Chalice, then the stage, the state
   machine and the dashboard's JSON are filled in.
7. **Once**: a folder says what it was made from. Where that is what there is now, nothing is made again.

Chalice packages for the Python that runs it. That must be the Python of the deployed functions: the script refuses
another, rather than ship wheels that cannot be imported. With ``--local`` it takes this machine as it is, for there
the local AWS runs the functions on this very Python.
"""

import argparse
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import dashboard, template  # noqa: E402 - after the path to them

CACHE: Final = ROOT / "build" / ".cache"
PAGE: Final = Path("chalicelib/operations/page")
PAGE_REQUIREMENTS: Final = ROOT / "requirements-docs.txt"
PAGE_FILES: Final = ("swagger-ui-bundle.js", "swagger-ui.css", "LICENSE")
"""What the page at /docs has of Swagger UI."""
STAGES: Final = ("dev", "staging", "prod")
RUNTIME: Final = "python3.11"
LONGEST_RUN: Final = 300
"""Seconds for one run of Chalice or of the compiler. Building the dependencies takes about 15."""
SOURCES: Final = (
    *(ROOT / "chalicelib", ROOT / ".chalice", ROOT / "app.py", template.FOLDER),
    *(ROOT / "infra" / "clock.asl.json", ROOT / "requirements.txt", PAGE_REQUIREMENTS),
    *(Path(__file__).resolve(), Path(template.__file__).resolve(), Path(dashboard.__file__).resolve()),
)
"""All that a package is made of."""
MADE_FROM: Final = "made-from"
"""The file beside a package that names its sources, by their checksum."""
MADE_HERE: Final = shutil.ignore_patterns("__pycache__", "deploy*", "venv")
"""What lies among the sources and is none: Chalice's notes and what Python compiled."""
MOST_CACHED: Final = 4
"""Builds of the dependencies that are kept, 20 MB each."""

PACKAGING_ONLY: Final = (
    # Chalice requires these for its command line. The functions have only chalice/app.py, which imports none of them.
    "click",
    "pip",
    "pyyaml",
    "setuptools",
    "wheel",
    # The prompts of `chalice new-project`, and what they require.
    "blessed",
    "editor",
    "inquirer",
    "jinxed",
    "packaging",
    "readchar",
    "runs",
    "wcwidth",
    "xmod",
    # cffi reads C declarations with it; cryptography comes with its own already read.
    "pycparser",
    # google-auth signs with cryptography where there is one, and with these where not.
    "pyasn1",
    "pyasn1_modules",
)

NEVER_READ: Final = (
    # Metadata of installers. Nothing that stays reads its own, and pydantic looks through all there is for plugins.
    "*.dist-info",
    "*.data",
    "*.pth",
    # What only people, tests and type checkers read. stripe/params alone is 842 modules, a third of all.
    "*/tests",
    "boto3/examples",
    "botocore/data/*/*/examples-1.json",
    "stripe/params",
    # With it botocore starts with OpenSSL, which Apple's library brings, and with cryptography: for nothing.
    "urllib3/contrib/pyopenssl.py",
    "**/*.pyi",
    "**/py.typed",
)

SERVICES: Final = frozenset(
    {
        # What the product calls, and what mail, push, objects and reports are going to: 18 of 443, 2 of 28 MB.
        *("cloudwatch", "dynamodb", "dynamodbstreams", "events", "lambda", "logs", "s3", "secretsmanager"),
        *("ses", "sesv2", "sns", "sqs", "ssm", "stepfunctions"),
        # What boto3 itself may call to find credentials.
        *("signin", "sso", "sso-oidc", "sts"),
    }
)


class PackagingError(Exception):
    """What a person must put right first. The message says how."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(
        prog="scripts/package.py",
        description="Package a stage of SoulSeer for CloudFormation: sam.yaml and deployment.zip.",
        epilog="examples:\n"
        "  python scripts/package.py --stage dev --out build/dev\n"
        "  python scripts/package.py --stage dev --out build/local --local\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stage", required=True, choices=STAGES, help="the stage of .chalice/config.json")
    parser.add_argument("--out", required=True, type=Path, help="the folder to write to; made if absent")
    parser.add_argument(
        "--local", action="store_true", help="for the local AWS: this machine's architecture and this Python"
    )
    chosen = parser.parse_args(arguments)
    try:
        package(chosen.stage, chosen.out, local=chosen.local)
    except PackagingError as problem:
        print(f"Cannot package: {problem}", file=sys.stderr)
        return 1
    return 0


def package(stage: str, out: Path, *, local: bool = False) -> None:
    """Write ``sam.yaml`` and ``deployment.zip`` of ``stage`` into ``out``. Raises PackagingError."""
    runtime = _runtime(local)
    config: dict[str, Any] = json.loads((ROOT / ".chalice" / "config.json").read_text())
    if local:
        config["lambda_architecture"] = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    made_from = checksum(SOURCES, stage, runtime, config["lambda_architecture"])
    note = out / MADE_FROM
    if note.exists() and note.read_text() == made_from:
        print(f"{out} is up to date")
        return
    note.unlink(missing_ok=True)  # it says nothing of a package that is half written
    dependencies = _dependencies(config["lambda_architecture"], runtime)
    with tempfile.TemporaryDirectory(prefix="soulseer-package-") as folder:
        scratch = Path(folder)
        _copy_app(scratch / "app", config)
        ours = scratch / "ours.yaml"
        ours.write_text(_yaml(template.whole()))
        made = _chalice(scratch / "app", stage, "--merge-template", str(ours))
        complete = _completed(yaml.safe_load((made / "sam.yaml").read_text()), stage, runtime)
        code = _unpacked(made / "deployment.zip", scratch / "code")
        add_swagger_ui(code / PAGE)
        _compile(code)
        whole = scratch / "whole.zip"
        shutil.copyfile(dependencies, whole)
        _add_tree(whole, code)
        out.mkdir(parents=True, exist_ok=True)
        _put(out / "sam.yaml", _yaml(complete).encode())
        _put(out / "deployment.zip", whole.read_bytes())
        _put(note, made_from.encode())
    _tell({f"{out}/deployment.zip": out / "deployment.zip"})


def _runtime(local: bool) -> str:
    running = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if running != RUNTIME and not local:
        raise PackagingError(
            f"the functions run on {RUNTIME}; this is {running}, and wheels are built for the Python that packages.\n"
            f"Run it with {RUNTIME}: {RUNTIME} scripts/package.py …\n"
            "For the local AWS only, --local takes any."
        )
    return running


def checksum(sources: Sequence[Path], *how: str) -> str:
    """Of every file in ``sources``, by its name and content, and of ``how`` a package is made of them."""
    told = hashlib.sha256(json.dumps(how).encode())
    for source in sources:
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            name = path.relative_to(source.parent)
            if path.is_file() and not MADE_HERE("", list(name.parts)):
                told.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return told.hexdigest()


# --- dependencies ----------------------------------------------------------------------------------------------------


def _dependencies(architecture: str, runtime: str) -> Path:
    """The zip of everything that is not ours: from the cache, or built, pruned and compiled into it."""
    requirements = (ROOT / "requirements.txt").read_bytes()
    # This script is part of the key: another way to prune gives another zip.
    key = b"\0".join([requirements, Path(__file__).read_bytes(), architecture.encode(), runtime.encode()])
    cached = CACHE / f"dependencies-{hashlib.sha256(key).hexdigest()[:20]}.zip"
    if cached.exists():
        return cached
    print(f"Building the dependencies for {runtime} on {architecture}, once for this requirements.txt …", flush=True)
    with tempfile.TemporaryDirectory(prefix="soulseer-dependencies-") as folder:
        scratch = Path(folder)
        _write_bare_app(scratch / "bare", requirements, architecture)
        made = _chalice(scratch / "bare", "dev") / "deployment.zip"
        tree = _unpacked(made, scratch / "tree")
        _prune(tree)
        _compile(tree)
        pruned = scratch / "pruned.zip"
        _add_tree(pruned, tree)
        _tell({"dependencies, as Chalice packs them": made, "pruned and compiled": pruned})
        CACHE.mkdir(parents=True, exist_ok=True)
        _put(cached, pruned.read_bytes())
    for old in sorted(CACHE.glob("dependencies-*.zip"), key=lambda each: each.stat().st_mtime)[:-MOST_CACHED]:
        old.unlink(missing_ok=True)
    return cached


def _write_bare_app(project: Path, requirements: bytes, architecture: str) -> None:
    """An app of one function that does nothing: without any, Chalice would make no zip."""
    (project / ".chalice").mkdir(parents=True)
    config = {"version": "2.0", "app_name": "bare", "lambda_architecture": architecture}
    (project / ".chalice" / "config.json").write_text(json.dumps(config))
    (project / "requirements.txt").write_bytes(requirements)
    (project / "app.py").write_text(
        "from chalice import Chalice\n\napp = Chalice(app_name='bare')\n\n\n"
        "@app.lambda_function()\ndef nothing(event, context):\n    return None\n"
    )


def _prune(tree: Path) -> None:
    for ours in ("app.py", "chalice"):  # they come with the app
        _remove(tree / ours)
    for record in tree.glob("*.dist-info/RECORD"):
        if record.parent.name.split("-")[0].lower() in PACKAGING_ONLY:
            for line in record.read_text().splitlines():
                _remove(tree / line.split(",")[0])
    for pattern in NEVER_READ:
        for each in list(tree.glob(pattern)):
            _remove(each)
    for service in (tree / "botocore" / "data").iterdir():
        if service.is_dir() and service.name not in SERVICES:
            _remove(service)
    _prune_descriptions(tree / "botocore" / "data")


def _prune_descriptions(data: Path) -> None:
    """Take out of botocore's JSON what no call needs. A client reads it when it is made: a tenth of a cold start."""
    prefixes = set()
    for path in data.glob("*/*/service-2.json.gz"):
        service = json.loads(gzip.decompress(path.read_bytes()))
        prefixes.add(service["metadata"]["endpointPrefix"])
        # botocore reads what a service says of its own settings, and fails where the text is missing: S3's.
        needed = {name: service[name] for name in ("clientContextParams",) if name in service}
        bare = _undocumented(service) | needed
        path.write_bytes(gzip.compress(json.dumps(bare, separators=(",", ":")).encode(), mtime=0))
    addresses = json.loads((data / "endpoints.json").read_text())
    for partition in addresses["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in prefixes}
    (data / "endpoints.json").write_text(json.dumps(addresses, separators=(",", ":")))


def _undocumented(value: Any) -> Any:
    """The same without documentation. A member that is itself named so is a shape, not a text, and stays.

    So does what belongs to a client's parameters: S3 has some, and botocore reads what is said of them.
    """
    if isinstance(value, dict):
        kept = {name: each for name, each in value.items() if name != "documentation" or not isinstance(each, str)}
        return {name: each if name == "clientContextParams" else _undocumented(each) for name, each in kept.items()}
    return [_undocumented(each) for each in value] if isinstance(value, list) else value


# --- the page at /docs -----------------------------------------------------------------------------------------------


def add_swagger_ui(page: Path) -> None:
    """Put Swagger UI's files beside ours in ``page``. Raises PackagingError."""
    with zipfile.ZipFile(_swagger_ui_wheel()) as wheel:
        for name in PAGE_FILES:
            (found,) = (each for each in wheel.namelist() if each.endswith(f"/swagger-ui-dist/{name}"))
            (page / name).write_bytes(wheel.read(found))


def _swagger_ui_wheel() -> Path:
    """The wheel of requirements-docs.txt: from the cache, or fetched into it, and only if its checksum is right."""
    cached = CACHE / f"swagger-ui-{hashlib.sha256(PAGE_REQUIREMENTS.read_bytes()).hexdigest()[:20]}.whl"
    if cached.exists():
        return cached
    program = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    with tempfile.TemporaryDirectory(prefix="soulseer-docs-") as folder:
        run = subprocess.run(
            [*program, "--require-hashes", "--dest", folder, "--requirement", str(PAGE_REQUIREMENTS)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST_RUN,
            check=False,
        )
        if run.returncode:
            raise PackagingError(f"Swagger UI could not be fetched for the page at /docs:\n{run.stdout}")
        (wheel,) = Path(folder).iterdir()
        CACHE.mkdir(parents=True, exist_ok=True)
        _put(cached, wheel.read_bytes())
    return cached


# --- Chalice ---------------------------------------------------------------------------------------------------------


def _copy_app(project: Path, config: dict[str, Any]) -> None:
    """What Chalice must see: our sources, without requirements, caches or whatever else lies in the work tree."""
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=MADE_HERE)
    shutil.copytree(ROOT / ".chalice", project / ".chalice", ignore=MADE_HERE)
    shutil.copyfile(ROOT / "app.py", project / "app.py")
    (project / ".chalice" / "config.json").write_text(json.dumps(config))


def _chalice(project: Path, stage: str, *more: str) -> Path:
    """Run ``chalice package`` on a project; the folder it wrote. Raises PackagingError with what it said."""
    made = project.with_name(f"{project.name}-made")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # A region must be set, and decides nothing but the domain of the service principals.
    environment.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    program = [sys.executable, "-c", "from chalice.cli import main; main()"]
    run = subprocess.run(
        [*program, "package", "--stage", stage, "--template-format", "yaml", *more, str(made)],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONGEST_RUN,
        check=False,
    )
    # Of a dependency without a fitting wheel it only speaks; its exit status is still 0.
    if run.returncode or "Could not install dependencies" in run.stdout:
        raise PackagingError(f"`chalice package` failed:\n{run.stdout}")
    return made


# --- template --------------------------------------------------------------------------------------------------------


def _completed(made: dict[str, Any], stage: str, runtime: str) -> dict[str, Any]:
    """The template with what is known only here. Raises PackagingError if Chalice did not package for ``runtime``."""
    made["Parameters"]["Stage"] |= {"Default": stage, "AllowedValues": [stage]}
    machine = made["Resources"]["ClockMachine"]["Properties"]
    machine["Definition"] = json.loads((ROOT / "infra" / "clock.asl.json").read_text())
    _call_by_alias(made["Resources"])
    _bound(made["Resources"])
    dashboard.completed(made)
    for name, resource in made["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function" and resource["Properties"]["Runtime"] != runtime:
            raise PackagingError(f"Chalice packaged {name} for {resource['Properties']['Runtime']}, not for {runtime}.")
    return made


def _bound(resources: dict[str, Any]) -> None:
    """Have every role, Chalice's too, made within the boundary that a stage may have."""
    boundary = {"Fn::If": ["HasBoundary", {"Ref": "RoleBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    for resource in resources.values():
        if resource["Type"] == "AWS::IAM::Role":
            resource["Properties"]["PermissionsBoundary"] = boundary


_ALIAS: Final = "APIHandlerAliaslive"
"""As SAM names the alias `live` that it makes for APIHandler. What it is found by is its ARN."""


def _call_by_alias(resources: dict[str, Any]) -> None:
    """Have the gateway call `api` by its alias, which leads to a published version: Chalice knows of none.

    Raises PackagingError where Chalice no longer writes what is looked for.
    """
    latest, alias = "functions/${APIHandler.Arn}/invocations", f"functions/${{{_ALIAS}}}/invocations"
    written = json.dumps(resources["RestAPI"]["Properties"]["DefinitionBody"])
    if latest not in written:
        raise PackagingError(f"Chalice's API does not call {latest}: look how it does, and mend _call_by_alias.")
    resources["RestAPI"]["Properties"]["DefinitionBody"] = json.loads(written.replace(latest, alias))
    resources["APIHandlerInvokePermission"]["Properties"]["FunctionName"] = {"Ref": _ALIAS}


def _yaml(template: dict[str, Any]) -> str:
    return yaml.dump(template, Dumper=_WithoutAliases, allow_unicode=True, width=120)


class _WithoutAliases(yaml.SafeDumper):
    """Writes a repeated value out each time: CloudFormation does not read YAML's anchors and aliases."""

    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


# --- files -----------------------------------------------------------------------------------------------------------


def _compile(tree: Path) -> None:
    """Add the .pyc files. They name their sources as Lambda has them, wherever this is compiled."""
    compiler = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    subprocess.run(
        [*compiler, "-s", str(tree), "-p", "/var/task", str(tree)],
        env={**os.environ, "PYTHONHASHSEED": "0"},  # the order of a constant set is written into the file
        timeout=LONGEST_RUN,
        check=True,
    )


def _add_tree(archive: Path, tree: Path) -> None:
    files = {path.relative_to(tree).as_posix(): path for path in tree.rglob("*") if path.is_file()}
    with zipfile.ZipFile(archive, "a") as opened:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16  # Lambda's own user must be able to read it
            opened.writestr(entry, path.read_bytes())


def _unpacked(archive: Path, to: Path) -> Path:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(to)
    return to


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _put(place: Path, content: bytes) -> None:
    """Whole or not at all: who reads meanwhile, or packages at the same time, never meets half a file."""
    with tempfile.NamedTemporaryFile(dir=place.parent, prefix=f".{place.name}.", delete=False) as fresh:
        fresh.write(content)
    Path(fresh.name).chmod(0o644)
    Path(fresh.name).replace(place)


def _tell(archives: dict[str, Path]) -> None:
    print(f"{'':<40}{'files':>7}{'MB unpacked':>13}{'MB zip':>8}")
    for title, archive in archives.items():
        with zipfile.ZipFile(archive) as opened:
            files = [entry.file_size for entry in opened.infolist() if not entry.is_dir()]
        megabytes = sum(files) / 1e6, archive.stat().st_size / 1e6
        print(f"{title:<40}{len(files):>7,}{megabytes[0]:>13.1f}{megabytes[1]:>8.1f}")


if __name__ == "__main__":
    sys.exit(main())
