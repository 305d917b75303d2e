"""Constants in their places: every use, no other name, the same values; and what is refused, with file and line."""

import ast
import importlib
import os
import subprocess
import sys
import textwrap

import pytest

from tools.failure import Failure
from tools.firmware_build import FIRMWARE, FOLDED, START, TOP, build, script
from tools.firmware_constants import ConstantError, Constants

SOURCES = {
    "lib/wire/__init__.py": "",
    "lib/wire/map.py": """
        STEP = 1 << 4
        FIRST, SECOND, THIRD = range(3)
        LOW, HIGH = -5, STEP + 0x100 // 3
        TWO = (FIRST, SECOND)
        NAMES = ("a", "b", "c")
        MIDDLE = NAMES[SECOND]
        TITLE = "main.mpy"
        TABLE = {STEP: "one"}
        PAIR = (STEP, LOW)


        def half(x, limit=STEP):
            return x // 2 + limit if x in TWO else TABLE.get(x)
    """,
    "user.py": """
        from wire import map as registers
        from wire.map import HIGH, TITLE, half
        from wire.map import (
            LOW as LEAST,
            THIRD,
        )

        OWN = LEAST - 1  # Ein Maß.


        def all():
            from wire.map import STEP

            found = [OWN, HIGH, TITLE, THIRD, half(0), half(STEP)]
            return found + ["Maß", -LEAST ** 2, registers.MIDDLE, registers.PAIR, registers.PAIR]
    """,
}
FORWARD = ("Update", "Callable", "Course", "Control", "Filling")  # Annotations as text: nobody looks them up.


def dedented(sources):
    return {name: textwrap.dedent(text).lstrip("\n") for name, text in sources.items()}


def folded(sources, kept=()):
    return Constants(dedented(sources), kept).folded()


def told(texts, folder):
    """What user.all() gives where the modules have these texts."""
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    path = os.pathsep.join((str(folder), str(folder / "lib")))
    run = [sys.executable, "-c", "import user; print(user.all())"]
    return subprocess.run(run, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True).stdout


def names_in(text):
    return {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}


def test_a_program_does_the_same_with_its_constants_in_place(tmp_path):
    assert told(folded(SOURCES), tmp_path / "folded") == told(dedented(SOURCES), tmp_path / "as_written")


def test_no_line_moves():
    before = dedented(SOURCES)
    for name, text in folded(SOURCES).items():
        assert text.count("\n") == before[name].count("\n")


def test_nothing_is_left_of_a_name_whose_value_stands_in_its_places():
    texts = folded(SOURCES)
    assert names_in(texts["user.py"]) == {"half", "registers", "found"}  # One tuple in two places keeps its name.
    assert "import map as registers" in texts["user.py"]
    assert "from wire.map import half\n" in texts["user.py"]
    assert names_in(texts["lib/wire/map.py"]) == {"x", "limit", "TABLE", "PAIR"}


def test_a_module_that_only_gives_constants_is_not_imported():
    texts = folded({"a.py": "X = 1", "b.py": "from a import X\nprint(X)", "c.py": "import a\nprint(a.X)"})
    assert "import" not in texts["b.py"] + texts["c.py"]


def test_what_a_file_that_is_not_compiled_names_stays_defined_and_is_put_in_place_all_the_same():
    sources = {"a.py": "X = 7\nY = 8", "b.py": "from a import X, Y\nz = X + Y", "start.py": "import a\nprint(a.X)"}
    texts = folded(sources, kept=("start.py",))
    assert texts["a.py"] == "X = 7\n"
    assert "z = 7 + 8" in texts["b.py"]
    assert "start.py" not in texts


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("X = 1\nX = 2", "b.py:2: X is a constant, and is bound again"),
        ("X = 1\ndef f(X):\n    return X", "b.py:2: X is a constant, and is bound again"),
        ("X = 1\ndef f():\n    global X\n    X = 2", "b.py:3: X is a constant, and is bound again"),
        ("X = 1\nX += 1", "b.py:2: X is a constant, and is bound again"),
        ("X = 1\ndel X", "b.py:2: X is a constant, and is bound again"),
        ("from a import A\nfor A in (1, 2):\n    pass", "b.py:2: A is a constant, and is bound again"),
        ("import a\na.A = 2", "b.py:2: A is a constant, and is set from outside"),
        ("from a import *", "b.py:1: import * hides"),
        ("from a import A\nprint(f'{A}')", "b.py:2: a constant in an f-string"),
        ("import a\nprint(getattr(a, 'A'))", "b.py:2: a constant by the text of its name"),
    ],
)
def test_a_name_that_would_not_mean_one_value_everywhere_is_refused(text, why):
    with pytest.raises(ConstantError) as caught:
        folded({"a.py": "A = 1", "b.py": text})
    assert why in str(caught.value)


@pytest.mark.parametrize("text", ["X = len('a')", "X = []", "X = 1.5", "X = unknown", "X = 1 // 0", "X = X", "x = 1"])
def test_what_is_no_constant_stays_as_it_is(text):
    whole = text + "\n\n\ndef f():\n    return X\n"
    assert folded({"b.py": whole}) == {"b.py": whole}


def test_the_firmware_is_refused_with_the_place(tmp_path):
    (tmp_path / "main.py").write_text("A = 1\nA = 2\n")
    with pytest.raises(Failure) as caught:
        build(tmp_path / "out", source=tmp_path)
    assert "main.py:2" in caught.value.seen


def test_a_script_is_refused_that_sets_a_constant_of_the_firmware():
    with pytest.raises(ConstantError, match="WDT_MS is a constant, and is set from outside"):
        Constants(of_the_firmware()).folded_script("from hal import posix\nposix.WDT_MS = 1\n")


def test_a_script_gets_the_firmwares_constants_and_keeps_its_own(tmp_path):
    copy = script(TOP / "tests" / "firmware" / "flash_cuts_model.py", out=tmp_path)
    assert copy == tmp_path / "tests" / "firmware" / "flash_cuts_model.py"
    assert "log_blocks" not in copy.read_text()
    assert "BLOCK_BYTES = " in copy.read_text()


def of_the_firmware():
    return {file.relative_to(FIRMWARE).as_posix(): file.read_text("utf-8") for file in FIRMWARE.rglob("*.py")}


def test_every_value_in_the_firmware_is_the_one_that_cpython_finds():
    constants = Constants(of_the_firmware(), (START,))
    seen = 0
    for (file, name), value in constants.values():
        module = file.removeprefix("lib/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if not module.startswith(("hal.chip", "hal.esp32", "hal.rp2", "hal.posix", "main")):  # They need MicroPython.
            found = getattr(importlib.import_module(module), name)
            assert (type(found), found) == (type(value), value), name
            seen += 1
    assert seen > 400


def test_the_folded_firmware_looks_up_no_name_that_is_gone(tmp_path):
    build(tmp_path)
    folder = tmp_path / FOLDED
    looked = ["--isolated", "--select", "F811,F821,F822,E9", "--ignore-noqa", "--output-format", "concise"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *looked, "."], cwd=folder, capture_output=True, text=True, check=False
    )
    wrong = [line for line in done.stdout.splitlines() if ": F" in line and "in type annotation" not in line]
    assert [line for line in wrong if not any(f"`{name}`" in line for name in FORWARD)] == []
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                places = [folder / part / f"{node.module.replace('.', '/')}.py" for part in ("", "lib")]
                for place in filter(lambda place: place.exists(), places):
                    assert {alias.name for alias in node.names} <= bound_in(place), (file, node.module)


def bound_in(file):
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.Import | ast.ImportFrom):
            found |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
            found |= {inner.asname or inner.name for inner in ast.walk(node) if isinstance(inner, ast.alias)}
    return found
