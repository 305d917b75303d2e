"""One file per kind of sensor; the same files on every board, under MicroPython and CPython.

Rules of this folder: integers only; a driver takes its pin, bus or converter object and never waits longer than
20 ms. `make(config, hal)` builds one from its entry in board.json. Every driver has

    quantities      tuple of names in wire.reading.QUANTITIES, in the order of `read()`
    errors          count of scans or events that the sensor spoilt
    read(now_ms)    -> [(value | None, quality)], one pair per quantity; the list is used again at the next call

`read` is called at each scan. A fault of the sensor is never raised: it gives (None, MISSING) and is counted.
What a quantity can be at all (wire.reading.in_range) is the sampler's to judge.
"""
