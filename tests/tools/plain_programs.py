"""Plain SQLite programs that say what they have committed, recorded for the crash enumerator's own test.

Run as a program: `python plain_programs.py DATABASE "PRAGMA ...; PRAGMA ..."`.
"""

import sqlite3
import subprocess
import sys
from pathlib import Path

COMMITS = 6
ROWS = 3  # of one commit
PAYLOAD_BYTES = 300


def payload(seq: int) -> bytes:
    return seq.to_bytes(4, "big") * (PAYLOAD_BYTES // 4)


def main(path: str, pragmas: str) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in pragmas.split(";"):
        db.execute(pragma)
    db.execute("CREATE TABLE rows (seq INTEGER PRIMARY KEY, payload BLOB)")
    for number in range(COMMITS):
        seqs = range(number * ROWS + 1, (number + 1) * ROWS + 1)
        db.execute("BEGIN")
        db.executemany("INSERT INTO rows VALUES (?, ?)", [(seq, payload(seq)) for seq in seqs])
        db.execute("COMMIT")
        sys.stdout.write(f"acked {seqs[-1]}\n")
        sys.stdout.flush()
    db.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
else:
    from tools.soak.crash import trace
    from tools.soak.crash.recording import OUT, Recorder, Recording

    def record(folder: Path, pragmas: str) -> Recording:
        """The program's operations on its folder, and what it said."""
        data = folder / "data"
        data.mkdir()
        recorder = Recorder(data)
        program = [sys.executable, "-I", __file__, str(data / "plain.db"), pragmas]
        process = subprocess.Popen(trace.command(folder / "trace", program), stdout=subprocess.DEVNULL)
        assert process.wait(20) == 0
        trace.wait_for_end(folder / "trace", process.pid)
        recorder.add_run(folder / "trace", data)
        return recorder.recording

    class PlainOracle:
        """Whole batches, intact, and nothing missing that the program said it had committed."""

        database = "plain.db"

        def __init__(self, recording: Recording) -> None:
            self.acked = [
                (piece.moment, int(piece.data.split()[1]))
                for piece in recording.pieces
                if piece.way == OUT and piece.data.startswith(b"acked ")
            ]

        def look(self, db: sqlite3.Connection | None) -> tuple[int, str]:
            if db is None or not db.execute("SELECT 1 FROM sqlite_master").fetchall():
                return 0, ""
            if db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                return 0, "damaged"
            rows = db.execute("SELECT seq, payload FROM rows ORDER BY seq").fetchall()
            if rows != [(seq, payload(seq)) for seq in range(1, len(rows) + 1)] or len(rows) % ROWS:
                return len(rows), "gaps, half batches or other contents"
            return len(rows), ""

        def judge(self, facts: tuple[int, str], begin: int, end: int) -> list[str]:
            acked = max((seq for at, seq in self.acked if at < end), default=0)
            wrong = [facts[1]] if facts[1] else []
            return wrong + ([f"{acked} acknowledged, {facts[0]} there"] if facts[0] < acked else [])

        def reopen(self, folder: Path, facts: tuple[int, str], end: int) -> list[str]:
            with sqlite3.connect(folder / self.database) as db:
                db.execute("CREATE TABLE IF NOT EXISTS more (a)")
            return []
