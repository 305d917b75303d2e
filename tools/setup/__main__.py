"""`python3 -m tools.setup`: the set-up as `./riverpost` calls it, before there is a .venv."""

import sys

from tools.__main__ import main

sys.exit(main(["setup", *sys.argv[1:]]))
