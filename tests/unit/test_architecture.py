"""The shape of the house: what import-linter's contracts cannot say."""

import ast
import re
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted([ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")])
PRIVATE = ("store", "routes", "handlers")
PLACES = {"kernel", "runtime", "gateways"}
LONGEST_FUNCTION = 70


def test_a_context_reaches_into_no_stores_routes_or_handlers_of_another() -> None:
    graph = grimp.build_graph("chalicelib")
    trespasses = [
        f"{importer} imports {module}"
        for module in graph.modules
        if len(parts := module.split(".")) > 2 and parts[1] not in PLACES and parts[2].endswith(PRIVATE)
        for importer in graph.find_modules_that_directly_import(module)
        if importer.split(".")[1] != parts[1]
    ]
    assert trespasses == []


@pytest.mark.parametrize("path", PRODUCT, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for_and_no_function_is_longer_than_a_screen(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module's docstring is its page of the manual"
    long = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_the_page_on_it_has_every_context_the_order_of_imports_and_no_file_that_is_gone() -> None:
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text()
    contexts = sorted(each.parent.name for each in (ROOT / "chalicelib").glob("*/__init__.py"))
    assert [each for each in contexts if f"\n  {each}/ " not in page] == []
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    assert " → ".join(layers).replace("chalicelib.", "") in page
    named = re.findall(r"`(\w+/[\w/]+\.\w+)`", page)
    assert [each for each in named if not (ROOT / each).exists() and not (ROOT / "chalicelib" / each).exists()] == []
