"""The shape of the house: what import-linter's contracts cannot say."""

import ast
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = sorted([ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")])
PRIVATE = {"store", "routes", "handlers"}
PLACES = {"kernel", "runtime", "gateways"}
LONGEST_FUNCTION = 70


def test_a_context_reaches_into_another_only_through_its_service_its_pure_model_or_its_schemas() -> None:
    graph = grimp.build_graph("chalicelib")
    trespasses = [
        f"{importer} imports {module}"
        for module in graph.modules
        if len(parts := module.split(".")) > 2 and parts[1] not in PLACES and parts[2] in PRIVATE
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
