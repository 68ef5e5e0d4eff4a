"""The arrows between the rooms (see docs/architecture.md), read from the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN = {
    "shared": {"control_plane", "edge_agent", "tests", "script", "packaging"},
    "control_plane": {"edge_agent", "tests", "script"},
    "edge_agent": {"control_plane", "tests", "script"},
    "script": {"shared", "control_plane", "edge_agent", "tests"},
}
# What a room may know of the others inside the gateway: nothing that is not written here.
JOBS_KNOW = {"jobs", "spool", "service"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Name every module that a file imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


@pytest.mark.parametrize("folder", ["shared", "control_plane", "edge_agent"])
def test_a_room_never_imports_what_the_arrows_forbid(folder: str) -> None:
    files = modules(folder)
    wrong = {str(path.relative_to(ROOT)): tops(path) & FORBIDDEN[folder] for path in files}
    assert files
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_demo_uses_only_the_two_commands_that_everybody_uses() -> None:
    files = modules("script/_demo")
    wrong = {str(path.relative_to(ROOT)): tops(path) & FORBIDDEN["script"] for path in files}
    assert files
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_ipp_codec_needs_the_standard_library_alone() -> None:
    allowed = sys.stdlib_module_names
    for path in modules("shared/ipp"):
        foreign = {
            name
            for name in imports(path)
            if name.partition(".")[0] not in allowed and not f"{name}.".startswith("shared.ipp.")
        }
        assert foreign == set(), path


def test_jobs_know_the_spool_and_nobody_else_in_the_gateway() -> None:
    for path in modules("edge_agent/jobs"):
        rooms = {name.split(".")[1] for name in imports(path) if name.startswith("edge_agent.")}
        assert rooms <= JOBS_KNOW, path


def test_pages_and_apis_reach_the_tables_through_their_services() -> None:
    for path in modules("control_plane"):
        if path.name in {"api.py", "pages.py"}:
            tables = {name for name in imports(path) if name.endswith((".models", ".repository"))}
            assert tables == set(), path


def test_packaging_never_shadows_the_library_of_that_name() -> None:
    assert not (ROOT / "packaging" / "__init__.py").exists()
    import packaging  # noqa: PLC0415

    assert packaging.__file__ is not None
    assert Path(packaging.__file__).parent != ROOT / "packaging"
