"""Every crash state of a recording, each judged against every moment at which it could have come.

Rules of this file: equal disks are opened once, equal contents are read once; what was promised by the moment of the
cut is asked of every one of them. The same recording, seed and passes give the same states.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from tools.soak.crash.bench import Bench, Layout
from tools.soak.crash.disk import FLUSHED, SUBSET, WHOLE, Disk, State
from tools.soak.crash.recording import Recording, in_order, moment

FAILURES_MAX = 20  # Texts; more are only counted.

F = TypeVar("F")


class Oracle(Protocol[F]):
    """What a database that is found must hold."""

    database: str  # its file's name

    def look(self, db: sqlite3.Connection | None) -> F:
        """What there is to know of a content; None = there is no file. sqlite3.Error: it cannot be read."""
        ...

    def judge(self, facts: F, begin: int, end: int) -> list[str]:
        """What is wrong with it after a cut in moments `begin` to `end`."""
        ...

    def reopen(self, folder: Path, facts: F, end: int) -> list[str]:
        """What goes wrong when the program starts again on these files, which it may change."""
        ...


@dataclass
class Found:
    """`states`: distinct disks; `judged`: with all moments; `contents`: distinct databases on them."""

    states: int = 0
    judged: int = 0
    contents: int = 0
    bad: int = 0  # Distinct disks with something wrong.
    failures: list[str] = field(default_factory=list)


class _Broken(str):
    """The error of a database that cannot be read, in place of its facts."""


class Search(Generic[F]):
    """States of `recording` on disks of a bench in `folder`. `found` grows from pass to pass."""

    def __init__(self, recording: Recording, oracle: Oracle[F], seed: int, folder: Path) -> None:
        self.found = Found()
        self.disk = folder  # of `again`
        self._recording = recording
        self._operations = in_order(recording.operations)
        self._oracle = oracle
        self._seed = seed
        self._folder = folder
        self._contents: dict[Layout, bytes] = {}  # disk -> content
        self._facts: dict[bytes, F | _Broken] = {}
        self._bad: set[Layout] = set()
        self._flushed: tuple[int, Layout] = (-1, ())  # how many flushes there were, and the disk since then

    def run(self, model: str, subsets: range, enough: Callable[[], bool] = lambda: False) -> None:
        """One pass over all operations, or until `enough()`."""
        bench = Bench(self._folder / f"{model}-{subsets.start}")
        try:
            disk = Disk(model, self._recording.first, bench)
            committed: set[bytes] = set()
            self._flushed = (-1, ())
            for number, operation in enumerate(self._operations):
                disk.take(operation)
                span = (moment(operation), self._moment(number + 1))
                for state in disk.states(f"{self._seed} {model} {number}", subsets):
                    where = f"{model}, operation {number} ({operation}), {state.kind}"
                    self._try(self._lay(bench, disk, state), bench, state, committed, span, where)
                if enough():
                    return
        finally:
            bench.close()

    def again(self, model: str, number: int, kind: str) -> list[str]:
        """What is wrong with one state, by what a failure says of it; its files are then in `disk`. KeyError: there is
        none such."""
        bench = Bench(self._folder / "again")
        self.disk = bench.disk
        disk = Disk(model, self._recording.first, bench)
        for operation in self._operations[: number + 1]:
            disk.take(operation)
        subset = int(kind.split()[1]) if kind.startswith(SUBSET) else 0
        span = (self._moment(number), self._moment(number + 1))
        for state in disk.states(f"{self._seed} {model} {number}", range(subset, subset + 1)):
            if state.kind == kind:
                wrong: list[str] = []
                self._flushed = (-1, ())
                self._lay(bench, disk, state)
                facts = self._facts[self._read(bench, span[1], wrong)]
                return [*wrong, facts] if isinstance(facts, _Broken) else wrong + self._oracle.judge(facts, *span)
        raise KeyError(kind)

    def _moment(self, number: int) -> int:
        if number < len(self._operations):
            return moment(self._operations[number])
        return self._recording.moments

    def _lay(self, bench: Bench, disk: Disk, state: State) -> Layout:
        """Put the state on the bench; one that stays the same between two flushes only the first time."""
        if state.kind == FLUSHED and self._flushed[0] == disk.flushes:
            return self._flushed[1]
        bench.patch(state.patches)
        layout = bench.show(state.names)
        if state.kind == FLUSHED:
            self._flushed = (disk.flushes, layout)
        return layout

    def _try(
        self, disk: Layout, bench: Bench, state: State, committed: set[bytes], span: tuple[int, int], where: str
    ) -> None:
        self.found.judged += 1
        wrong: list[str] = []
        content = self._contents.get(disk)
        if content is None:
            self.found.states += 1
            content = self._contents[disk] = self._read(bench, span[1], wrong)
        if state.kind == WHOLE:
            committed.add(content)
        facts = self._facts[content]
        if isinstance(facts, _Broken):
            wrong.append(facts)
        else:
            if state.kind not in (WHOLE, FLUSHED) and content not in committed:
                wrong.append("a content that was never committed as a whole")
            wrong += self._oracle.judge(facts, *span)
        if wrong and disk not in self._bad:
            self._bad.add(disk)
            self.found.bad += 1
            if len(self.found.failures) < FAILURES_MAX:
                self.found.failures.append(f"seed {self._seed}, {where}: {'; '.join(wrong[:3])}")

    def _read(self, bench: Bench, end: int, wrong: list[str]) -> bytes:
        """The digest of the database that SQLite finds on this disk; its facts are kept under it."""
        file = bench.disk / self._oracle.database
        if not file.exists():
            return self._keep(b"nothing", None)
        hot = file.with_name(file.name + "-journal").exists()
        path = bench.copy() / file.name if hot else file  # Rolling back writes; everything else can be only read.
        try:
            with closing(sqlite3.connect(f"file:{path}?mode={'rw' if hot else 'ro'}", uri=True)) as db:
                if db.execute("PRAGMA page_count").fetchone() == (0,):
                    return self._keep(b"nothing", None)
                content = sha256(db.serialize()).digest()
                fresh = content not in self._facts
                self._keep(content, db)
        except sqlite3.Error as error:
            content = f"{type(error).__name__}: {error}".encode()
            self._facts[content] = _Broken(content.decode())
            fresh = False
        finally:
            bench.tidy()
        facts = self._facts[content]
        if fresh and not isinstance(facts, _Broken):
            wrong += self._oracle.reopen(bench.copy(), facts, end)
        return content

    def _keep(self, content: bytes, db: sqlite3.Connection | None) -> bytes:
        if content not in self._facts:
            self._facts[content] = self._oracle.look(db)
            self.found.contents += 1
        return content
