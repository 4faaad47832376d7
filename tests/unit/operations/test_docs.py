"""The page at /docs: which files it is made of, and when they are read."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.kernel.errors import NotFound
from chalicelib.operations import docs
from scripts.package import PAGE_FILES, add_swagger_ui

ROOT = Path(__file__).resolve().parents[3]
MOST_BYTES = 5_000_000
"""Of an answer: Lambda takes six megabytes, and its JSON escapes some characters."""

pytestmark = pytest.mark.package


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's files as the package has them."""
    folder = shutil.copytree(docs.FOLDER, tmp_path_factory.mktemp("docs") / "page")
    add_swagger_ui(folder)
    return folder


def test_the_page_names_each_file_by_the_hash_of_its_content(folder: Path) -> None:
    addresses = re.findall(r'"docs/([\w-]+)/(\w+)"', docs.page(folder))
    assert len(addresses) == 4
    for name, version in addresses:
        found = docs.file(name, version, folder)
        assert hashlib.sha256(found.content.encode()).hexdigest()[:16] == version
        assert len(found.content.encode()) < MOST_BYTES


def test_a_file_that_changed_has_another_address(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "page")
    (other / "page.css").write_text("body { color: red }")
    assert docs.page(other) != docs.page(folder)
    (version,) = re.findall(r"docs/page-css/(\w+)", docs.page(folder))
    with pytest.raises(NotFound):
        docs.file("page-css", version, other)


@pytest.mark.parametrize("name", ["index", "LICENSE", "..", ""])
def test_no_other_file_is_given_out(folder: Path, name: str) -> None:
    with pytest.raises(NotFound):
        docs.file(name, "0" * 16, folder)


def test_swagger_ui_is_not_in_the_sources_and_its_licence_is_in_the_package(folder: Path) -> None:
    assert not [name for name in PAGE_FILES if (docs.FOLDER / name).exists()]
    assert "Apache License" in (folder / "LICENSE").read_text()


def test_swagger_ui_reaches_no_address_of_its_maker(folder: Path) -> None:
    script = (folder / "page.js").read_text()
    assert "validatorUrl: null" in script, "it would send the document to a validator"
    assert not re.findall(r"https?://", script)


def test_the_page_knows_whose_id_it_is_by_prefixes_that_parameters_take() -> None:
    (table,) = re.findall(r"const ANSWERED = \{(.*?)\};", (docs.FOLDER / "page.js").read_text())
    answered = dict(re.findall(r'(\w+): "(\w+)"', table))
    assert answered == {
        "dow_": "download_id",
        "ord_": "order_id",
        "prd_": "product_id",
        "ses_": "session_id",
        "str_": "stream_id",
        "top_": "topup_id",
    }
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    assert set(answered.values()) <= set(re.findall(r"\{(\w+)\}", " ".join(paths)))


def test_no_file_of_the_page_is_read_while_the_app_is_imported() -> None:
    code = """
import sys
read = []
sys.addaudithook(lambda event, given: read.append(str(given[0])) if event == "open" else None)
import app
app.app.every_route()
print([each for each in read if "/operations/page" in each])
"""
    told = subprocess.run(  # noqa: S603 - this interpreter, our own words
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.strip() == "[]"
