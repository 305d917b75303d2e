"""Run by MicroPython's unix port: what the stock image of an ESP32 does. Mounts the flash's file system, runs /main.py,
then serves the console: the raw REPL with its raw paste, which is what mpremote speaks.

The setup (chip.py) says which: "mode" is "run", or "raw" behind a soft reset from the raw REPL.

Rules of this file: everything below `/` is the flash's; of the friendly REPL there is a prompt and no more. Source:
MicroPython's "The MicroPython Interactive Interpreter Mode (aka REPL)".
"""

import sys

import vfs

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = 1, 2, 3, 4, 5
RAW, PROMPT = b"raw REPL; CTRL-B to exit\n>", b"\n>>> "
WINDOW_BYTES = 128
READY_TO_PASTE = b"R\1" + bytes((WINDOW_BYTES, 0))
LINE_BYTES_MAX = 65_536


class System:
    """The module `sys`, of which only the platform's name is another."""


OUT = open(1, "wb", 0)  # noqa: SIM115 - open for life


def stand_in():
    """Put the chip's modules in the place of this port's; from now on `import` finds those."""
    system = System()
    for name in dir(sys):
        setattr(system, name, getattr(sys, name))
    system.platform = "esp32"
    system.argv = []
    import esp32
    import machine
    import network
    import waiting

    CHIP.inclinometer = __import__("hal.posix_chips", None, None, ("Scl3300",)).Scl3300  # By name: no tool of a host.
    for name in list(sys.modules):
        if name.split(".")[0] in ("hal", "chip", "waiting"):
            del sys.modules[name]
    sys.modules.update({"sys": system, "machine": machine, "esp32": esp32, "network": network})
    sys.modules.update({"time": waiting.Time(), "select": waiting.Select})
    sys.path[:] = ["", ".frozen", "/lib"]


def mount(partition):
    """As the image's own start script does it."""
    vfs.umount("/")
    vfs.mount(vfs.VfsLfs2(partition("vfs")), "/")


def run(code, name, names):
    """Run `code` as the interpreter does; what it raises is returned."""
    CHIP.running = True
    try:
        exec(compile(code, name, "exec"), names)
    except SystemExit:
        return None
    except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt, too; the REPL tells it
        return error
    finally:
        CHIP.running = False
    return None


def raw_command():
    """(how it ended, a command): by Ctrl-D, pasted (Ctrl-E), or Ctrl-B, which leaves the raw REPL."""
    code = bytearray()
    while True:
        byte = CHIP.typed()
        if byte == CTRL_A:
            write(RAW)
            code = bytearray()
        elif byte in (CTRL_B, CTRL_D):
            return byte, bytes(code)
        elif byte == CTRL_C:
            code = bytearray()
        elif byte == CTRL_E and not code:
            if CHIP.typed() == ord("A") and CHIP.typed() == CTRL_A:
                return CTRL_E, paste()
            write(b"R\0")
        elif byte >= 0 and len(code) < LINE_BYTES_MAX:
            code.append(byte)


def paste():
    """What comes in raw paste mode: the sender may be WINDOW_BYTES ahead of us."""
    write(READY_TO_PASTE)
    code, left = bytearray(), WINDOW_BYTES
    while True:
        byte = CHIP.typed()
        if byte in (CTRL_C, CTRL_D):
            write(b"\4")
            return bytes(code) if byte == CTRL_D else None
        if byte >= 0:
            code.append(byte)
            left -= 1
            if not left:
                write(b"\1")
                left = WINDOW_BYTES


def write(data):
    OUT.write(data)


def tell_error(error):
    if isinstance(error, KeyboardInterrupt):
        write(b"Traceback (most recent call last):\nKeyboardInterrupt: \n")
    elif error is not None:
        sys.print_exception(error)


def serve(raw):
    """Serve the console until the chip is reset."""
    names = {"__name__": "__main__"}
    write(RAW if raw else PROMPT)
    while True:
        while not raw:
            byte = CHIP.typed()
            if byte == CTRL_A:
                raw = True
                write(RAW)
            elif byte == CTRL_D:
                write(b"MPY: soft reboot\n")
                CHIP.halt("soft run")
            elif byte in (CTRL_B, CTRL_C, 13):
                write(PROMPT)
        end, code = raw_command()
        if end == CTRL_B:
            raw = False
            write(PROMPT)
            continue
        if end == CTRL_D and not code:
            write(b"OK\nMPY: soft reboot\n")
            CHIP.halt("soft raw")
        if end == CTRL_D:
            write(b"OK")
        error = run(code, "<stdin>", names) if code is not None else None
        write(b"\4")
        tell_error(error)
        write(b"\4>")


from chip import CHIP  # noqa: E402 - below what explains it

stand_in()
from esp32 import Partition  # noqa: E402 - the chip's, by now

mount(Partition)
if CHIP.setup["mode"] == "run":
    try:
        with open("/main.py") as source:
            main = source.read()
    except OSError:
        main = ""
    tell_error(run(main, "main.py", {"__name__": "__main__"}))
serve(CHIP.setup["mode"] == "raw")
