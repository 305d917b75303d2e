"""Run by MicroPython's unix port: what the stock image of a real board does before /main.py. Mounts its files, runs it.

micropython start_board.py ROOT UART CONTROL FLASH KEEP SERIAL FILES BLOCKS CUT LIMIT
    ROOT ... SERIAL as firmware/hal/posix.py wants them; FILES: the flash of BLOCKS blocks with the file system, mounted
    at ROOT; CUT: "OPS:PERMIL", the power fails at this flash operation, or "-"; LIMIT: real seconds for which
    nothing may feed the watchdog

Rules of this file: the modules of the flash are the only ones of ours that main.py finds loaded; nothing else of the
build folder that they came from is left on the path.
"""

import sys

import vfs

posix_flash = __import__("hal.posix_flash", None, None, ("SUPPLY",))  # By name: it runs as a board, not as a tool.
watchdog = __import__("hal.posix_watchdog", None, None, ("WATCHDOG",))

EXIT_POWER_CUT = 13
PROGRAM_BYTES = 256  # As ports/rp2/modules/_boot.py.


def fail():
    """The power is gone, and with it what was kept."""
    with open(sys.argv[5], "wb"):
        pass
    sys.exit(EXIT_POWER_CUT)


files, blocks, cut, limit = sys.argv[7:11]
sys.argv[7:] = []
watchdog.WATCHDOG.limit_s = int(limit)
posix_flash.SUPPLY.on_cut = fail
if cut != "-":
    posix_flash.SUPPLY.cut_after(*[int(number) for number in cut.split(":")])
flash = posix_flash.FileFlash(files, int(blocks))
vfs.mount(vfs.VfsLfs2(posix_flash.FlashBlocks(flash), progsize=PROGRAM_BYTES), sys.argv[1])
del sys.modules["hal"]
sys.path[:] = [".frozen"]
with open(sys.argv[1] + "/main.py") as source:
    program = source.read()
exec(program, {"__name__": "__main__"})
