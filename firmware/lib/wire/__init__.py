"""What two sides must agree on. Runs on MicroPython and CPython; imports nothing else of ours."""
