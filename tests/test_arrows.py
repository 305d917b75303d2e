"""Who may import whom: wire nothing of ours, and everything else only what lies below it."""

import ast
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]
FOLDERS = {
    "wire": TOP / "firmware" / "lib" / "wire",
    "boards": TOP / "boards",
    "gateway": TOP / "gateway",
    "tools": TOP / "tools",
    "firmware": TOP / "firmware",
    "hil_tests": TOP / "hil_tests",
}
MAY_IMPORT = {
    "wire": set(),
    "boards": {"wire"},
    "gateway": {"wire", "boards"},
    "tools": {"wire", "boards", "gateway"},
    "firmware": {"wire"},
    "hil_tests": {"wire", "boards", "tools"},
}
NOT_ON_A_BOARD = {"typing", "enum", "dataclasses", "abc", "contextlib", "datetime", "logging", "pathlib", "functools"}
SENT_TO_A_BOARD = TOP / "tools" / "snippets"  # Runs there, through the console.
BOARD_MODULES = {"machine", "esp32", "rp2", "micropython"}


def imports(file: Path) -> set[str]:
    """Return the first part of every absolute name that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


def files(name: str) -> list[Path]:
    found = FOLDERS[name].rglob("*.py")
    return [file for file in found if name != "firmware" or FOLDERS["wire"] not in file.parents]


def firmware_names() -> set[str]:
    """Return the names that firmware's own files have on a board: main, sampler, drivers, hal, …"""
    places = [*FOLDERS["firmware"].glob("*.py"), *FOLDERS["firmware"].glob("*/")]
    return {place.stem for place in places if place.name != "lib"}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_package_imports_only_what_lies_below_it(name):
    ours = set(FOLDERS) | {"tests"}
    allowed = MAY_IMPORT[name] | {name}
    wrong = [f"{file.relative_to(TOP)}: {bad}" for file in files(name) for bad in imports(file) & ours - allowed]
    assert wrong == []


@pytest.mark.parametrize("name", ["wire", "boards", "gateway", "tools"])
def test_no_package_of_the_host_imports_a_file_of_the_firmware(name):
    board_only = firmware_names() - sys.stdlib_module_names - set(FOLDERS)
    host = [file for file in files(name) if SENT_TO_A_BOARD not in file.parents]
    wrong = [f"{file.relative_to(TOP)}: {bad}" for file in host for bad in imports(file) & board_only]
    assert wrong == []


@pytest.mark.parametrize("name", ["wire", "firmware"])
def test_what_runs_on_a_board_imports_no_module_that_a_board_lacks(name):
    wrong = [f"{file.relative_to(TOP)}: {bad}" for file in files(name) for bad in imports(file) & NOT_ON_A_BOARD]
    assert wrong == []


def test_only_the_hardware_layer_imports_the_chip():
    hal = FOLDERS["firmware"] / "hal"
    outside = [file for name in ("wire", "firmware") for file in files(name) if hal not in file.parents]
    wrong = [str(file.relative_to(TOP)) for file in outside if imports(file) & BOARD_MODULES - {"micropython"}]
    assert wrong == []


def test_the_check_sees_an_arrow_that_points_upwards(tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import os\ndef f():\n    from gateway.spool import Spool\n    import tools.demo as demo\n")
    assert imports(bad) == {"os", "gateway", "tools"}
