"""What holds for the whole tree: its limits of size, its pinned dependencies, its names."""

import argparse
import ast
import importlib
import os
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

from tools.__main__ import commands

TOP = Path(__file__).resolve().parents[1]
SKIPPED = {".git", ".venv", ".cache", "build", "dist", "__pycache__", ".hypothesis", ".pytest_cache", ".ruff_cache"}
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
# Registries and mirrors are what a machine is set up with; a name of one in a file would overrule that.
REGISTRY = re.compile(r"(?:pypi|pythonhosted|npmjs|(?:deb|ftp|security|snapshot)\.debian)\.(?:org|com|net)")


def tree() -> list[Path]:
    """Return the tracked files and those about to be; where git refuses, every file that is not made."""
    command = ["git", "-C", str(TOP), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
        files = [TOP / name for name in answer.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        walked = (Path(folder, name) for folder, _, names in os.walk(TOP) for name in names)
        files = [file for file in walked if not SKIPPED & set(file.relative_to(TOP).parts)]
    return sorted(file for file in files if file.is_file())


def sources() -> list[Path]:
    return [file for file in tree() if file.suffix == ".py"]


def project() -> dict:
    return tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def dependencies() -> list[str]:
    return project()["dependencies"] + project()["optional-dependencies"]["dev"]


def test_no_file_names_a_registry_or_a_mirror():
    wrong = []
    for file in tree():
        found = REGISTRY.search(file.read_bytes().decode("utf-8", errors="replace"))
        wrong += [f"{file.relative_to(TOP)}: {found[0]}"] if found else []
    assert wrong == []


def test_the_search_for_registries_finds_one():
    assert REGISTRY.search("see https://pypi" + ".org/project/x")
    assert REGISTRY.search("URIs: http://deb" + ".debian.org/debian")


def test_no_source_file_is_longer_than_the_limit():
    long = {str(file.relative_to(TOP)): len(file.read_text(encoding="utf-8").splitlines()) for file in sources()}
    assert {name: lines for name, lines in long.items() if lines > FILE_LINES_MAX} == {}


def test_no_function_is_longer_than_the_limit():
    wrong = []
    for file in sources():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    wrong.append(f"{file.relative_to(TOP)}:{node.lineno} {node.name}: {lines} lines")
    assert wrong == []


def test_every_dependency_says_what_it_is_for():
    lines = (TOP / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for dependency in dependencies():
        (line,) = [line for line in lines if line.strip().startswith(f'"{dependency}"')]
        comment = line.partition("#")[2]
        assert len(comment.split()) >= 5, f"{dependency}: say what for, and why these bounds"


def plain(name: str) -> str:
    return name.lower().replace("_", "-")


def pins() -> dict[str, str]:
    lines = (TOP / "tools/setup/constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {plain(name): version for name, _, version in pairs}


def test_every_dependency_is_bounded_above_and_pinned_for_the_set_up():
    assert all(re.fullmatch(r"\d[\w.]*", version) for version in pins().values())
    for dependency in dependencies():
        assert "<" in dependency or "==" in dependency, f"{dependency}: no upper bound"
        assert re.split(r"[\[<>=; ]", dependency)[0] in pins(), f"{dependency}: not in constraints.txt"


def test_what_the_dependencies_bring_with_them_is_pinned_too():
    installed = {plain(found.metadata["Name"]) for found in metadata.distributions()}
    assert "riverpost" in installed, "the tests run in the checkout's own .venv"
    assert installed - set(pins()) - {"riverpost", "pip"} == set()


def test_every_sub_command_can_be_called():
    found = commands()
    assert {"setup", "test"} <= set(found)
    for name, help_line in found.items():
        module = importlib.import_module(f"tools.{name.replace('-', '_')}")
        module.add_arguments(argparse.ArgumentParser())
        assert callable(module.run)
        assert "\n" not in help_line
        assert len(help_line) <= 63, f"{name}: its line of help is too long for 80 columns"


def test_the_licence_is_the_one_that_pyproject_names():
    text = (TOP / "LICENSE").read_text(encoding="utf-8")
    assert project()["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
