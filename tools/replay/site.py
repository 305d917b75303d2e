"""The station that a recording is judged as: made by the gateway's own readers of channels, threshold sets and rules.

Rules of this file: one sensor is one source with one channel (and a temperature where the recording has one). Nothing
is parsed here that gateway/ parses. Which site it is, and what was left out of a station.toml, is said in `notes`.
"""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from gateway import config
from gateway.load import read_zone
from gateway.load_buses import Declared
from gateway.load_channels import default_channel, read_channel
from gateway.load_rules import read_rules
from gateway.toml_lines import lines_of
from gateway.toml_table import Problems, Table
from tools.failure import Failure
from tools.replay.phrases import Note
from tools.replay.quantities import QUANTITIES, VECTOR
from tools.replay.recording import INVALID, Ask, wrong
from tools.replay.stamps import zone_of

OWN_TABLES = ("recording", "episode", "flags", "quiet")  # What only a replay reads.
_NAME = re.compile(r"[\s\"'\\/#+]+")
NEVER_MS = 1 << 60
HEIGHT_KEYS = ("gauge_zero", "offset", "datum", "surveyed")
LOCAL = "local"  # the datum of a recording that names none

# What stands where no site is known: the national storm signals, observed, and proposals for tilt (degrees from the
# first baseline that is still, degrees a day) and smoke. A level has none: no limits can be assumed for a river.
DEFAULT_RULES: dict[str, list[dict[str, Any]]] = {
    "rain": [{"name": "storm", "kind": "storm"}],
    "tilt": [
        {"name": "tilt", "kind": "tilt", "blue": "0.25 deg", "yellow": "0.5 deg", "orange": "1 deg", "red": "2 deg"},
        {
            "name": "rate", "kind": "tilt_rate", "window": "24 h",
            "blue": "0.05 deg/d", "yellow": "0.1 deg/d", "orange": "0.25 deg/d", "red": "0.5 deg/d",
        },
    ],
    "smoke": [{"name": "smoke", "kind": "smoke", "yellow": "0.10 dB/m", "red": "0.20 dB/m"}],
}  # fmt: skip
DEFAULT_RULES["rain-tips"] = DEFAULT_RULES["rain"]
TILT_WINDOW_MS = 60_000  # A tilt is the median of a minute at least, and
TILT_SAMPLES = 5  # of so many samples: a lorry is no turn.


@dataclass
class Sensor:
    """One source of the station: its columns as (label for people, channel), and where its cells stand in a row."""

    source: str
    columns: list[tuple[str, str]]
    first: int
    temperature: bool


@dataclass
class Site:
    """A station with its sensors. `judged`: there is a rule, else only quality is."""

    config: config.Station
    sensors: list[Sensor]
    quantity: str
    cadence_ms: int
    neighbours: list[Sensor] = field(default_factory=list)
    described: Note = ("site_none", {})
    notes: list[Note] = field(default_factory=list)

    @property
    def judged(self) -> bool:
        return bool(self.config.rules)

    @property
    def longest_window_ms(self) -> int:
        return max((ms for rule in self.config.rules for ms in (rule.window_ms, *rule.windows_ms)), default=0)


def described(path: Path) -> tuple[dict[str, Any], Problems]:
    """A TOML file and where its keys stand. Failure where it is none."""
    try:
        text = path.read_text(encoding="utf-8")
        return tomllib.loads(text), Problems(path.name, lines_of(text))
    except (OSError, ValueError, RecursionError) as error:
        raise wrong(
            f"{path} cannot be read as TOML",
            str(error),
            "a slip in the path, or in the line that is named",
            "riverpost gateway station.toml --check names every error",
        ) from None


def default_document(ask: Ask, cadence_ms: int) -> tuple[dict[str, Any], Problems]:
    """What stands where nobody said which site it is: the documented default rules, none for levels."""
    names = channel_names(ask.values)
    groups = [names] if ask.quantity == "tilt" else [[name] for name in names]
    rules = []
    for group in groups:
        for rule in DEFAULT_RULES.get(ask.quantity, []):
            called = rule["name"] if len(groups) == 1 else f"{rule['name']}-{group[0]}"
            made = {**rule, "name": called, "channel": group[0]}
            if len(group) > 1:
                made["axes"] = group
            if rule["kind"] == "tilt":
                made["window"] = f"{max(TILT_WINDOW_MS, TILT_SAMPLES * cadence_ms)} ms"
            rules.append(made)
    return {"channel": [{"name": name} for name in names], "rule": rules}, Problems("default rules", {})


def channel_names(labels: list[str]) -> list[str]:
    """A channel's name for each value, from its column."""
    names: list[str] = []
    for number, label in enumerate(labels, 1):
        name = _NAME.sub("-", label)[:28] or f"value-{number}"
        names.append(name if name not in names else f"{name}-{number}")
    return names


def build(document: dict[str, Any], problems: Problems, ask: Ask, cadence_ms: int) -> Site:
    """The site that `document` describes, for a recording of this cadence. Failure names everything that is wrong."""
    root = Table(document, (), "recording", problems)
    for key in OWN_TABLES:
        root.mark(key)
    station = root.table("station")
    name = station.text("name", ask.file.stem)
    name_en = station.text("name_en", name)
    zone = read_zone(station) if station.has("time_zone") else named_zone(ask.zone)
    for key in ("id", "gateway_serial", "mode"):
        station.mark(key)
    station.close()
    _name_local(document, ask)
    sensors, sources = _sources(root, ask)
    beside, others = _neighbours(ask)
    sources = (*_accompanied(sources, others), *others)
    place = config.Bus("recording", "", 9_600, "8N1", cadence_ms, sources)
    judging = read_rules(root, (place,), Declared())
    root.close()
    if problems.texts():
        raise bad_station(ask.file, problems.texts())
    given = {rule.get("name") for rule in document.get("rule", [])}
    own = tuple(rule for rule in judging.rules if rule.name in given)
    place = replace(place, sources=tuple(_as_recorded(source, ask) for source in sources))
    made = config.Station(
        id="replay", name=name or "", name_en=name_en or "", time_zone=zone or "UTC",
        gateway_serial="00" * 8, mode="test", buses=(place,), rules=own, siren=config.Siren(),
        spool=config.Spool(""), center=config.Center(), threshold_sets=judging.sets, fusions=judging.fusions,
    )  # fmt: skip
    return Site(made, sensors, ask.quantity, cadence_ms, beside)


def named_zone(zone: str) -> str:
    """A zone of the zone table for what a recording is stamped in; UTC for an offset that is no whole hour."""
    found = zone_of(zone) if zone else None
    if isinstance(found, ZoneInfo):
        return found.key
    offset = found.utcoffset(None) if found is not None else None
    seconds = int(offset.total_seconds()) if offset is not None else 0
    return "UTC" if not seconds or seconds % 3_600 else f"Etc/GMT{-seconds // 3_600:+d}"


def bad_station(path: Path, problems: list[str]) -> Failure:
    return wrong(
        f"The station of {path.name} is not right",
        "\n".join(problems),
        "a slip in the lines that are named",
        "put them right; each line says how",
    )


def _sources(root: Table, ask: Ask) -> tuple[list[Sensor], tuple[config.Source, ...]]:
    """One source for each value; the axes of a tilt are columns of one."""
    tables = root.tables("channel")
    quantities = measured(ask.quantity, len(ask.values))
    groups = [range(len(ask.values))] if ask.quantity == "tilt" else [range(i, i + 1) for i in range(len(ask.values))]
    sensors: list[Sensor] = []
    sources: list[config.Source] = []
    fallbacks = channel_names(ask.values)
    for number, group in enumerate(groups, 1):
        source = f"sensor-{number}"
        columns = tuple(quantities[index] for index in group) + (("temp_cdeg",) if ask.temperature else ())
        channels: list[config.Channel] = []
        for column, index in enumerate(group):
            table = tables[index] if index < len(tables) else None
            channel = _channel(table, fallbacks[index], source, columns, column)
            if channel is not None:
                channels.append(channel)
        named = [(ask.values[i], channel.name) for i, channel in zip(group, channels, strict=False)]
        sensors.append(Sensor(source, named, group[0], bool(ask.temperature)))
        if ask.temperature:
            channels.append(config.Channel(f"{source}.temperature", source, len(group), "temp_cdeg"))
        sources.append(config.Source(source, "recording", number, channels=tuple(channels)))
    names = [channel.name for source in sources for channel in source.channels]
    for index, table in enumerate(tables):
        if names.count(str(table.values.get("name"))) > 1:
            table.problem("name", f'"{table.values["name"]}" is the name of another channel too (number {index + 1})')
    for table in tables[len(ask.values) :]:
        table.problem("name", f"there are {len(ask.values)} values, and this is one channel more; take it out")
    return sensors, tuple(sources)


def _channel(
    table: Table | None, name: str, source: str, columns: tuple[str, ...], column: int
) -> config.Channel | None:
    """The channel of one value: as its [[channel]] says, else by the name of its column."""
    if table is None:
        return default_channel(name, source, columns, column, columns)
    height = columns[column] == "level_mm"
    if height and any(table.has(key) for key in HEIGHT_KEYS):  # Only what a sensor measures may have a gauge zero.
        columns = (*columns[:column], "head_mm", *columns[column + 1 :])
    channel = read_channel(table, table.text("name", name) or name, source, columns[column], columns, columns)
    table.close()
    if channel is not None and channel.quantity == "level_mm":
        channel = replace(channel, level=config.Level(0, 0, LOCAL, ""))
    return channel


def _name_local(document: dict[str, Any], ask: Ask) -> None:
    """Thresholds over a level whose datum nobody named are over the same one: that of the recording itself."""
    if ask.quantity not in ("level", "pressure"):
        return
    unnamed = [item.get("name") for item in document.get("channel", []) if not set(item) & set(HEIGHT_KEYS)]
    for rule in document.get("rule", []):
        if rule.get("channel") in unnamed and rule.get("kind") in ("high", "low") and "thresholds" not in rule:
            rule.setdefault("datum", LOCAL)


def _neighbours(ask: Ask) -> tuple[list[Sensor], tuple[config.Source, ...]]:
    """A source for each rain gauge in the same field, whose recording has the same columns."""
    sensors: list[Sensor] = []
    sources: list[config.Source] = []
    for number, path in enumerate(ask.neighbours, 1):
        source = f"neighbour-{number}"
        sensors.append(Sensor(source, [(Path(path).stem, source)], 0, False))
        channel = config.Channel(source, source, 0, "rain_um")
        sources.append(config.Source(source, "recording", 100 + number, channels=(channel,)))
    return sensors, tuple(sources)


def _accompanied(sources: tuple[config.Source, ...], others: tuple[config.Source, ...]) -> tuple[config.Source, ...]:
    """The sources with their neighbours named. Failure where there is nothing to hold them against."""
    if not others:
        return sources
    names = tuple(channel.name for source in others for channel in source.channels)
    found = []
    for source in sources:
        first = source.channels[0]
        if first.quantity != "rain_um" or first.double_count is None:
            raise wrong(
                "A neighbour says nothing without a limit",
                f"channel {first.name} has no double_count",
                "only rain gauges have neighbours, and how much more than theirs is too much depends on the field",
                'a --station whose channel has double_count = "150 %"',
            )
        found.append(replace(source, channels=(replace(first, neighbours=names), *source.channels[1:])))
    return tuple(found)


def measured(quantity: str, values: int) -> tuple[str, ...]:
    """The station's quantity of each value. A head of water without a gauge zero is a level over the sensor itself."""
    if quantity == "tilt":
        return ("acc_x_ug", "acc_y_ug", "acc_z_ug") if values == VECTOR else ("tilt_x_mdeg", "tilt_y_mdeg")[:values]
    return (QUANTITIES[quantity].measured,) * values


def _as_recorded(source: config.Source, ask: Ask) -> config.Source:
    """A recorded level is an elevation already: gauge zero and offset have been added by whoever recorded it."""
    channels = []
    for channel in source.channels:
        if ask.quantity == "level" and channel.quantity == "head_mm":
            level = channel.level and replace(channel.level, gauge_zero_mm=0, offset_mm=0)
            channel = replace(channel, quantity="level_mm", level=level)
        if ask.quantity == "rain-tips":
            channel = replace(channel, gap_after_ms=NEVER_MS)  # Tips come when they come.
        if ask.invalid and channel.quantity != "temp_cdeg":
            channel = replace(channel, invalid=(*channel.invalid, INVALID))
        channels.append(channel)
    return replace(source, channels=tuple(channels))
