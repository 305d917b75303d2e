"""What is expected of the recordings that the project knows: worked out by hand, before the engine first ran on them.

Rules of this file: `expected/NAME/expected.toml` is read strictly and compared with what a replay found; every
difference is spelled out. A recording that is not on this machine is a named skip.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from gateway.amounts import AmountError, amount
from gateway.toml_table import Problems
from gateway.words import LEVEL_NAMES
from tools.replay import site
from tools.replay.phrases import KINDS
from tools.replay.recording import Ask, wrong
from tools.scenario import CARRIED, data_folder

FOLDER = Path(__file__).parent / "expected"
KEYS = {
    "file", "sha256", "time", "zone", "values", "quantity", "unit", "where", "unit_column", "temperature", "neighbours",
    "invalid", "cadence", "since", "until", "dates", "start",
}  # fmt: skip
NEEDED = ("file", "sha256", "time", "values", "quantity", "unit")
EPISODE_KEYS = {"rule", "level", "start", "end", "peak", "peak_at", "tolerance", "peak_tolerance", "reason", "channel"}
FLAG_KEYS = {"kind", "count", "first", "value", "last", "tolerance", "reason", "why"}
QUIET_KEYS = {"since", "until", "why"}
TIMES = ("start", "end", "peak_at")


@dataclass
class Expected:
    """One known recording."""

    name: str
    ask: Ask
    file: str
    sha256: str
    document: dict[str, Any]
    problems: Problems
    filled: list[str] = field(default_factory=list)

    def path(self) -> Path | None:
        """Where the recording is on this machine; None where it is not."""
        for folder in (data_folder(), CARRIED):
            if (folder / self.file).is_file():
                return folder / self.file
        return None

    def fits(self, ask: Ask) -> bool:
        """May this be the site of what a person asks for?"""
        return (
            ask.quantity == self.ask.quantity
            and len(ask.values) == len(self.ask.values)
            and (not ask.where or ask.where == self.ask.where)
            and (ask.where == self.ask.where)
        )

    def neighbours_beside(self, file: Path) -> list[str]:
        """The neighbours' files, in the folder that `file` lies in; those that are there."""
        paths = [file.parent / Path(name).name for name in self.ask.neighbours]
        return [str(path) for path in paths if path.is_file()]

    def fill(self, ask: Ask) -> list[str]:
        """Take over into `ask` what the person left out; the names of what was."""
        filled = []
        for key in ("zone", "dates", "start", "unit_column", "temperature", "invalid", "neighbours", "cadence_ms",
                    "since_ms", "until_ms"):  # fmt: skip
            ours = getattr(self.ask, key)
            if key == "neighbours":
                ours = self.neighbours_beside(ask.file)
            if ours and not getattr(ask, key):
                if key == "unit_column" and ask.unit != self.ask.unit:
                    continue
                setattr(ask, key, ours)
                filled.append(key.removesuffix("_ms").replace("_", "-"))
        return filled


@cache
def load_all() -> tuple[Expected, ...]:
    """Every expected.toml, by name. Failure where one is not right."""
    return tuple(load(path) for path in sorted(FOLDER.glob("*/expected.toml")))


def load(path: Path) -> Expected:
    document, problems = site.described(path)
    given = document.get("recording", {})
    wrongs = [f"[recording] has no {key}" for key in NEEDED if key not in given]
    wrongs += [f"[recording] knows no {key}" for key in sorted(set(given) - KEYS)]
    for table, keys in (("episode", EPISODE_KEYS), ("flags", FLAG_KEYS), ("quiet", QUIET_KEYS)):
        for item in document.get(table, []):
            wrongs += [f"[[{table}]] knows no {key}" for key in sorted(set(item) - keys)]
    wrongs += [f"no such kind of flag: {f['kind']}" for f in document.get("flags", []) if f["kind"] not in KINDS]
    wrongs += [f"no such level: {e['level']}" for e in document.get("episode", []) if e["level"] not in LEVEL_NAMES]
    if wrongs:
        raise site.bad_station(path, [f"{path.parent.name}/{path.name}: {text}" for text in wrongs])
    ask = Ask(file=Path(given["file"]), time=given["time"], values=list(given["values"]), quantity=given["quantity"],
              unit=given["unit"])  # fmt: skip
    for key in ("zone", "dates", "start", "where", "unit_column", "temperature"):
        setattr(ask, key, given.get(key, ""))
    ask.invalid = [str(code) for code in given.get("invalid", [])]
    ask.neighbours = list(given.get("neighbours", []))
    ask.cadence_ms = _amount(path, given["cadence"], "time") if "cadence" in given else None
    ask.since_ms = moment_ms(given["since"]) if "since" in given else None
    ask.until_ms = moment_ms(given["until"]) if "until" in given else None
    return Expected(path.parent.name, ask, given["file"], given["sha256"], document, problems)


def moment_ms(value: object) -> int:
    """A time of an expected.toml: text or TOML's own, always with its offset."""
    at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    if at.tzinfo is None:
        raise wrong("A time in an expected.toml has no offset", str(value), "a slip", "write it with Z or an offset")
    return round(at.astimezone(UTC).timestamp() * 1000)


def _amount(path: Path, text: object, dimension: str) -> int:
    try:
        return amount(text, dimension)
    except AmountError as error:
        raise wrong(f"{path} is not right", str(error), "a slip", "write the amount with its unit") from None
