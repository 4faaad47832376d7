"""The trial itself, inside the copy that ``run.py`` made: mutmut's run with further mistakes, and what came of it.

``outcome.json`` lists every mutant: where it is, what was changed, and its fate.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import libcst as cst
import libcst.matchers as m
import pytest
from mutmut.__main__ import cli
from mutmut.configuration import config
from mutmut.mutation import mutators
from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.runners.harness import PytestRunner
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import change_cwd, walk_mutatable_files
from mutmut.utils.format_utils import orig_function_and_class_names_from_key

_PARENTHESES: Final[Any] = {"lpar": [cst.LeftParen()], "rpar": [cst.RightParen()]}


def forced(node: cst.If | cst.CompIf) -> Iterable[cst.CSTNode]:
    """A condition that never holds, and one that always does."""
    for operator, value in ((cst.And(), "False"), (cst.Or(), "True")):
        test = cst.BooleanOperation(node.test.with_changes(**_PARENTHESES), operator, cst.Name(value))
        yield node.with_changes(test=test)


def one_operand(node: cst.BooleanOperation) -> Iterable[cst.CSTNode]:
    """``a and b`` without b, and without a."""
    yield node.left.with_changes(**_PARENTHESES)
    yield node.right.with_changes(**_PARENTHESES)


def one_less(node: cst.Integer) -> Iterable[cst.CSTNode]:
    """mutmut tries one more."""
    less = node.evaluated_value - 1
    yield (
        cst.UnaryOperation(cst.Minus(), cst.Integer(str(-less)), **_PARENTHESES) if less < 0 else cst.Integer(str(less))
    )


def one_bound(node: cst.Call) -> Iterable[cst.CSTNode]:
    """``max(a, b)`` is a, or b."""
    if m.matches(node, m.Call(func=m.Name("max") | m.Name("min"), args=[m.Arg(keyword=None), m.Arg(keyword=None)])):
        yield from (arg.value.with_changes(**_PARENTHESES) for arg in node.args)


def forgotten(node: cst.SimpleStatementLine) -> Iterable[cst.CSTNode]:
    """A call for its effect, a sum or a refusal is left out."""
    if m.matches(node, m.SimpleStatementLine(body=[m.Expr(value=m.Call()) | m.AugAssign() | m.Raise()])):
        yield node.with_changes(body=[cst.Pass()])


FURTHER: Final[Sequence[tuple[type, Callable[[Any], Iterable[cst.CSTNode]]]]] = (
    (cst.If, forced),
    (cst.CompIf, forced),
    (cst.BooleanOperation, one_operand),
    (cst.Integer, one_less),
    (cst.Call, one_bound),
    (cst.SimpleStatementLine, forgotten),
)


class _Undecorated(cst.CSTTransformer):
    def leave_FunctionDef(  # noqa: N802 - libcst's own name
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        if not m.matches(updated_node, m.FunctionDef(decorators=[m.Decorator(m.Name("property"))])):
            return updated_node
        name = updated_node.name.value
        made = cst.SimpleStatementLine(
            [cst.Assign([cst.AssignTarget(cst.Name(name))], cst.parse_expression(f"property({name})"))]
        )
        return cst.FlattenSentinel([updated_node.with_changes(decorators=[]), made])


def with_plain_properties(source: str) -> str:
    """The same module, its properties written as functions that the next line makes properties: mutmut leaves out what
    is decorated.
    """
    return cst.parse_module(source).visit(_Undecorated()).code


class _Chosen:
    """Has pytest run just these tests, in this order."""

    def __init__(self, tests: Iterable[str]) -> None:
        self._places = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (each for each in items if each.nodeid in self._places), key=lambda each: self._places[each.nodeid]
        )


def _by_file(runner: PytestRunner, *, mutant_name: str | None, tests: Iterable[str]) -> int:
    """Names files to pytest, not hundreds of tests: those take it three times as long, at each mistake anew."""
    del mutant_name
    chosen = list(tests)
    files = sorted({test.partition("::")[0] for test in chosen}) or config().pytest_add_cli_args_test_selection
    with change_cwd("mutants"):
        return runner.execute_pytest(["-x", *files], plugins=[_Chosen(chosen)] if chosen else [])


def main(arguments: list[str]) -> None:
    """Run mutmut with ``arguments``, and write the outcome."""
    cast("list[Any]", mutators.mutation_operators).extend(FURTHER)
    PytestRunner.run_tests = _by_file  # type: ignore[assignment, method-assign]  # mutmut offers no other place
    for path in walk_mutatable_files():
        path.write_text(with_plain_properties(path.read_text()))
    cli(["run", *arguments], standalone_mode=False)
    Path("outcome.json").write_text(json.dumps(list(_outcome()), indent=1))


def _outcome() -> Iterator[dict[str, str]]:
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            function, owner = orig_function_and_class_names_from_key(name)
            changed = get_diff_for_mutant(name, path=path).splitlines()[2:]
            yield {
                "where": ".".join([*path.with_suffix("").parts[1:], *([owner] if owner else []), function]),
                "was": _lines(changed, "-"),
                "became": _lines(changed, "+"),
                "fate": status_by_exit_code[code],
                "mutant": name,
            }


def _lines(changed: list[str], sign: str) -> str:
    return "\n".join(line[1:].strip() for line in changed if line.startswith(sign))


if __name__ == "__main__":
    main(sys.argv[1:])
