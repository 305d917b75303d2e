"""Faults planted on purpose, so that the accounting that looks for lost and doubled rows can be seen to find them.

drop       every 20th row is acknowledged and not stored          -> those rows are missing from `rows`
twice      every 20th row is stored a second time, other epoch    -> `rows` has keys that no log ever had
early-ack  one group is acknowledged, and then its COMMIT is lost -> its rows are missing from `rows`
"""

KINDS = ("drop", "twice", "early-ack")
EVERY = 20
LOSE_GROUP = 3  # The third group that brings new readings: the station is under way by then.


class Plant:
    """`kind` is one of KINDS, or "" for a center that works."""

    def __init__(self, kind: str) -> None:
        if kind and kind not in KINDS:
            raise ValueError(f"no such fault: {kind}")
        self._kind = kind
        self._rows = 0
        self._groups = 0

    def drops(self) -> bool:
        return self._kind == "drop" and self._every()

    def repeats(self) -> bool:
        return self._kind == "twice" and self._every()

    def loses_this(self, readings: int) -> bool:
        """Is the COMMIT of this group the one that gets lost after its acknowledgement?"""
        if self._kind != "early-ack" or not readings:
            return False
        self._groups += 1
        return self._groups == LOSE_GROUP

    def _every(self) -> bool:
        self._rows += 1
        return self._rows % EVERY == 0
