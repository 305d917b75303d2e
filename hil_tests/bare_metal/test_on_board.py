"""The contract tests on the emulated chip, by the command for a real board, over the chip's own console."""

from tools import on_board
from tools.failure import EXIT_DONE


def test_a_bare_board_keeps_every_contract_and_goes_on_with_its_work(board, capfd):
    board.run(3_000)
    starts = board.console.count("ready ")
    with board.listening():
        code = on_board.run(f"socket://127.0.0.1:{board.console_port}")
    printed = capfd.readouterr().out
    with capfd.disabled():
        print("\n" + printed.strip().splitlines()[-1])
    assert code == EXIT_DONE, printed
    assert "ok    functions 3 and 4 take no memory" in printed  # On the chip, under its locked heap.
    assert "ok    rows are there when a log is opened again" in printed
    board.run(12_000)
    assert board.resets == 1
    assert board.console.count("ready ") > starts
