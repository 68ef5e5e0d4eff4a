"""The list of defects does not rot: every line is there, every test is there."""

from __future__ import annotations

import ast

import pytest

from tests.sabotage.defects import ROOT, Defect, every_defect

DEFECTS = every_defect()


def test_there_are_enough_of_them_and_each_has_a_name() -> None:
    assert len(DEFECTS) >= 25
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_the_line_stands_exactly_once_and_the_test_is_there(defect: Defect) -> None:
    defect.find(ROOT)
    assert defect.becomes != defect.line
    path, _, name = defect.test.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {"", *(node.name for node in ast.walk(tree) if isinstance(node, functions))}
