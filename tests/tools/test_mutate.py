import argparse
import os
import select
import signal
import subprocess
import sys
import textwrap
from contextlib import suppress

import pytest

from tools import mutate
from tools.failure import Failure
from tools.mutate.mutants import NoSuchFunction, mutants
from tools.mutate.regions import REGIONS, Region
from tools.mutate.trials import KILLED, SURVIVED, TIMED_OUT, Copy, _mutants_of, judge_all

pytestmark = pytest.mark.long


def changes(body: str) -> list[str]:
    source = "def f(a, b):\n" + textwrap.indent(textwrap.dedent(body), "    ")
    return [mutant.change for mutant in mutants(source, ("f",))]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return a < b", ["return a < b -> return None", "a < b -> a <= b", "a < b -> a >= b"]),
        ("return a is None", ["return a is None -> return None", "a is None -> a is not None"]),
        ("return None", []),
        ("return False", ["False -> True"]),
        ("b = a ^ 7", ["b = a ^ 7 -> pass", "a ^ 7 -> a | 7", "7 -> 8", "7 -> 6"]),
        ("b += a", ["b += a -> b -= a", "b += a -> pass"]),
        ("if a:\n  g()", ["if a: ... -> if not a: ...", "g() -> pass"]),
        ("if not a:\n  raise ValueError(1)", ["not a -> a", "raise ValueError(1) -> pass"]),
        ("b = a and True", ["b = a and True -> pass", "a and True -> a or True", "True -> False"]),
        ("g(a[1])", ["g(a[1]) -> pass", "a[1] -> a[2]", "a[1] -> a[0]"]),
        ("g(a[0])", ["g(a[0]) -> pass", "a[0] -> a[1]"]),
        ("return -a", ["return -a -> return None", "-a -> a"]),
        ('"""Words."""\nbreak_ = 0', ["break_ = 0 -> pass", "0 -> 1", "0 -> -1"]),
        ("x: 'int | None' = b", []),
        ("assert a > 0", []),
    ],
)
def test_mistakes_that_are_planted(body, expected):
    assert changes(body) == expected


def test_a_mutant_changes_its_own_function_only():
    source = "def f(a):\n    return a\n\nclass C:\n    def f(self):\n        return 1\n"
    planted = list(mutants(source, ("C.f",)))
    assert [(mutant.line, mutant.function, mutant.change) for mutant in planted] == [
        (6, "C.f", "return 1 -> return None"),
        (6, "C.f", "1 -> 2"),
        (6, "C.f", "1 -> 0"),
    ]
    assert all("def f(a):\n    return a\n" in mutant.source for mutant in planted)
    assert planted[1].source.endswith("return 2")


def test_a_function_that_is_gone_is_told():
    with pytest.raises(NoSuchFunction, match="C.g"):
        list(mutants("class C:\n    def f(self):\n        return 1\n", ("C.g",)))


def test_every_region_names_functions_and_tests_that_are_there():
    for region in REGIONS:
        assert _mutants_of(mutate.ROOT, region)
        assert all((mutate.ROOT / test).is_file() for test in region.tests), region


def test_every_excused_mutant_is_still_made_and_has_a_reason():
    made = [mutate.identity(region, mutant) for region in REGIONS for mutant in _mutants_of(mutate.ROOT, region)]
    assert [made.count(excused) for excused in mutate.EXCUSED] == [1] * len(mutate.EXCUSED)
    assert all(len(why) > 20 for why in mutate.EXCUSED.values())


@pytest.fixture
def tree(tmp_path):
    """A tree with one function and one test, which does not hold where exactly the limit lies."""
    for file, text in {
        "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
        "gateway/__init__.py": "",
        "gateway/planted.py": "def high(value):\n    return value > 10\n",
        "tests/test_planted.py": "from gateway.planted import high\n\ndef test_it():\n    assert high(12) > high(3)\n",
    }.items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text(text)
    return tmp_path


PLANTED = Region("gateway/planted.py", ("high",), ("tests/test_planted.py",))


def test_what_no_test_holds_is_reported_and_the_rest_is_not(tree):
    told = []
    outcomes = judge_all(tree, (PLANTED,), told.append, 1)
    assert told == outcomes
    assert {outcome.mutant.change: outcome.fate for outcome in outcomes} == {
        "return value > 10 -> return None": KILLED,
        "value > 10 -> value >= 10": SURVIVED,
        "value > 10 -> value <= 10": KILLED,
        "10 -> 11": SURVIVED,
        "10 -> 9": SURVIVED,
    }
    assert [mutate.text(outcome) for outcome in outcomes if mutate.survived(outcome)][:1] == [
        "gateway/planted.py:2 high: value > 10 -> value >= 10"
    ]
    assert "value > 10" in (tree / "gateway" / "planted.py").read_text()


def test_a_mutant_that_never_ends_is_ended(tree, tmp_path_factory):
    (tree / "tests" / "test_planted.py").write_text("def test_it():\n    while True:\n        pass\n")
    with Copy(tree, tmp_path_factory.mktemp("copies") / "0") as copy:
        assert copy.judge(PLANTED, None, 1)[0] == TIMED_OUT


ENDLESS = """import os
from pathlib import Path

def test_it():
    Path({told!r}).write_text(f"{{os.getpid()}} {{os.getppid()}}")
    while True:
        pass
"""
RUN = """import sys
from pathlib import Path
from tools.mutate.regions import Region
from tools.mutate.trials import judge_all
judge_all(Path(sys.argv[1]), (Region("gateway/planted.py", ("high",), ("tests/test_planted.py",)),), print, 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_killed_it_leaves_no_test_running(tree, tmp_path_factory):
    told = tmp_path_factory.mktemp("told") / "pids"
    os.mkfifo(told)
    (tree / "tests" / "test_planted.py").write_text(ENDLESS.format(told=str(told)))
    environment = {**os.environ, "TMPDIR": str(told.parent)}  # What a killed run leaves there is cleared by pytest.
    run = subprocess.Popen([sys.executable, "-c", RUN, str(tree)], cwd=mutate.ROOT, env=environment)
    try:
        pids = [int(word) for word in told.read_text().split()]
        ends = [os.pidfd_open(pid) for pid in pids]  # Readable once the process is gone.
    finally:
        run.kill()
        run.wait()
    try:
        left = [pid for pid, end in zip(pids, ends, strict=True) if not select.select([end], [], [], 10)[0]]
        assert left == []
    finally:
        for end in ends:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(end, signal.SIGKILL)
            os.close(end)


def test_tests_that_fail_without_any_mutant_are_told(tree):
    (tree / "tests" / "test_planted.py").write_text("def test_it():\n    assert False\n")
    with pytest.raises(Failure, match="fail without any mutant"):
        judge_all(tree, (PLANTED,), print, 1)


def test_a_region_that_is_gone_is_told(tree):
    with pytest.raises(Failure, match="not there"):
        judge_all(tree, (Region("gateway/planted.py", ("gone",), ("tests/test_planted.py",)),), print, 1)


def test_nothing_found_is_said(capsys):
    parser = argparse.ArgumentParser()
    mutate.add_arguments(parser)
    assert mutate.run(parser.parse_args(["--only", "no such name"])) == 3
    assert "no such name" in capsys.readouterr().err
