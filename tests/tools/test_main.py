"""How `riverpost` finds a sub-command, and how it speaks when one fails."""

import types

import pytest

import tools.__main__ as command_line
from tools.failure import Failure


@pytest.fixture
def call(monkeypatch):
    """Return a function that runs the sub-command `probe` with a body, and gives its exit code."""

    def run(body, *arguments):
        module = types.SimpleNamespace(HELP="a probe", add_arguments=lambda parser: None, run=body)
        monkeypatch.setattr(command_line, "commands", lambda: {"probe": "a probe"})
        monkeypatch.setattr(command_line.importlib, "import_module", lambda name: module)
        return command_line.main(["probe", *arguments])

    return run


def raising(error):
    def body(args):
        raise error

    return body


def test_the_exit_code_is_the_sub_command_s(call):
    assert call(lambda args: 3) == 3


def test_no_sub_command_shows_all_and_is_a_wrong_call(capsys):
    assert command_line.main([]) == 2
    assert "setup" in capsys.readouterr().out


def test_help_is_not_a_wrong_call(capsys):
    assert command_line.main(["--help"]) == 0
    assert "./riverpost demo" in capsys.readouterr().out


def test_an_unknown_sub_command_is_named_with_the_list(capsys):
    assert command_line.main(["dmeo"]) == 2
    shown = capsys.readouterr()
    assert "'dmeo'" in shown.err
    assert "setup" in shown.err
    assert shown.out == ""


def test_a_file_without_help_is_no_sub_command():
    assert "failure" not in command_line.commands()
    assert command_line.main(["failure"]) == 2


def test_a_failure_has_its_five_parts_in_order_and_no_traceback(call, capsys):
    failure = Failure("the board is silent", seen="port there", likely="cable", do=["plug", "again"], exit_code=4)
    assert call(raising(failure)) == 4
    shown = capsys.readouterr().err
    names = [line.split()[0] for line in shown.splitlines()]
    assert names == ["FAIL", "Seen", "Likely", "Do", "2", "State"]
    assert "Traceback" not in shown


def test_an_unexpected_error_names_its_place_and_ends_with_4(call, capsys):
    assert call(raising(KeyError("depth"))) == 4
    shown = capsys.readouterr().err
    assert "KeyError: 'depth'" in shown
    assert "test_main.py:" in shown
    assert "Traceback" not in shown


def test_verbose_adds_the_traceback(call, capsys):
    assert call(raising(KeyError("depth")), "-v") == 4
    assert "Traceback" in capsys.readouterr().err


def test_stopping_by_hand_is_130(call):
    assert call(raising(KeyboardInterrupt())) == 130
