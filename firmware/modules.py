"""Modules that are only needed for a while: their code lies in the same memory as everything else.

Rules of this file: whoever lets a module go keeps nothing of it. It may be imported again.
"""

import gc
import sys

KEPT_ALIVE = sys.implementation.name != "micropython"  # A test holds on to classes, and has memory enough.


def let_go(*names: str) -> None:
    """Give back the memory of the modules `names`, as far as they are loaded."""
    for name in names:
        if name not in sys.modules or KEPT_ALIVE:
            continue
        # The collector takes any number that looks like an address for one: what such a number holds is to be a shell.
        sys.modules[name].__dict__.clear()
        del sys.modules[name]
        at = name.rfind(".")
        if at > 0:
            delattr(sys.modules[name[:at]], name[at + 1 :])  # A package knows its modules by name.
    gc.collect()
