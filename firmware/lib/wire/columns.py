"""Columns of integers as first value and differences, and the checks that everything of a message goes through.

Rules of this file: a column and its values turn into each other without loss; what `delta` cannot have made is refused.
"""

RUN_MIN = 3  # So many differences of zero in a row travel as one array that counts them.
STEP_MAX = 1 << 44  # No difference is larger: 2^32 s in ms. A longer integer would grow with every row it is added to.


class TelemetryError(ValueError):
    """A message or segment that breaks the contract; `reason` says where."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


def delta(values, last=None):
    """First value (or its difference from `last`), then differences; None stays None and is stepped over.

    Zeros at the end are left out; RUN_MIN of them and more elsewhere are counted: [3].
    """
    out = []
    start = last
    for value in values:
        if value is None:
            out.append(None)
        else:
            out.append(value if last is None else value - last)
            last = value
    if last is None:
        return []
    first = 0
    while start is None and out[first] is None:
        first += 1
    least = first + 1 if start is None else 0
    while len(out) > least and out[-1] == 0:
        out.pop()
    return _count_zeros(out, least)


def _count_zeros(steps, least):
    """`steps` with the runs of zeros from place `least` on counted."""
    out = steps[:least]
    i = least
    while i < len(steps):
        run = 1
        if steps[i] == 0:
            while steps[i + run] == 0:  # No zero is last.
                run += 1
        if run >= RUN_MIN:
            out.append([run])
        else:
            out += steps[i : i + run]
        i += run
    return out


def undelta(column, count, what, last=None):
    need(isinstance(column, (list, tuple)) and len(column) <= count, what + " longer than its rows")
    out = []
    for step in column:
        if step is None:
            out.append(None)
        elif isinstance(step, (list, tuple)):
            need(last is not None and len(step) == 1 and is_int(step[0]), what + " counts zeros behind a value")
            need(1 <= step[0] <= count - len(out), what + " longer than its rows")
            out += [last] * step[0]
        else:
            need(is_int(step) and -STEP_MAX <= step <= STEP_MAX, what + " holds integers of 44 bits and null")
            last = step if last is None else last + step
            out.append(last)
    need(len(out) <= count, what + " longer than its rows")
    out += [last] * (count - len(out))
    return out


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def need(condition, reason):
    if not condition:
        raise TelemetryError(reason)
