"""The catalogue: what the positional messages of a version mean. Kept for every row that may still be asked for.

Rules of this file: a version says one thing for ever; a new one is used only after it is on disk, or while no disk
takes it (it is made of its content, so nobody can mean something else by it); sources keep their entry as long as rows
of theirs are in the spool, so a row of an old epoch can be sent and decoded years later.
"""

import asyncio
import base64
import zlib
from binascii import crc32
from collections.abc import Callable
from typing import NamedTuple

import cbor2

from gateway.config import Channel, DatumOffset, Station
from gateway.level import other_datums
from gateway.spool import Spool
from gateway.spool_index import Log
from gateway.spool_schema import Changes, Key
from wire.reading import QUANTITY_CODES
from wire.telemetry import (
    C_OVER,
    C_SOUND_CDEG,
    K_CATALOGUE,
    K_FUSIONS,
    K_MAJOR,
    K_SETS,
    K_SOURCES,
    K_STATION,
    MAJOR,
    SOURCE_EVENTS,
)

COPY_MAX = 32_768  # A longer catalogue goes without its copy in the event log.
SETTLE_S = 0.5
BEGIN_S = 1_577_836_800  # 2020-01-01: the days of a version fit 16 bits until 2199.


class Layout(NamedTuple):
    """How rows of a log are written in messages of a catalogue version."""

    version: int
    place: int  # of the log among the version's sources
    cadence_s: int
    channels: tuple[int, ...]  # quantity codes, in order of columns
    name: str  # of the source


class Catalogue:
    """`version` (0 = none on disk yet), `content` (the message), and `layout()` for sending. One per open spool."""

    def __init__(self, config: Station, spool: Spool) -> None:
        self.version = 0
        self.content = b""
        self.on_change: list[Callable[[], None]] = []  # Called in the loop when `version` changed.
        self._config = config
        self._spool = spool
        self._cadence = {source.name: source.row_s for source in config.sources}
        self._layouts: dict[int, dict[Key, Layout]] = {}
        self._due = False
        self._keeping: asyncio.Future[None] | None = None
        for version, content in spool.catalogues.items():
            self._use(version, content)
        self._look_soon()
        spool.on_commit.append(self._on_commit)

    @property
    def sources(self) -> list:
        """[serial, epoch, name, kind, cadence, channels] of each source as messages of this version name them."""
        return cbor2.loads(self.content)[K_SOURCES] if self.content else []

    def layout(self, key: Key, stamped: int) -> Layout | None:
        """How to send a row of log `key` that was stored under version `stamped`; None while no version names the log.

        That is the newest version, unless its columns mean something else than when the row was stored.
        """
        now = self._layouts.get(self.version, {}).get(key)
        then = self._layouts.get(stamped, {}).get(key)
        if now is None or (then is not None and then.channels != now.channels):
            return then
        return now

    def _on_commit(self, changes: Changes) -> None:
        for version, content in self._spool.catalogues.items():
            if version not in self._layouts:
                self._use(version, content)  # Of a disk that came late.
        if changes.logs:
            self._look_soon()

    def _look_soon(self) -> None:
        """Look at the logs in a moment: boards that answer one after another make one version, not five."""
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_later(SETTLE_S, self._update)

    def _update(self) -> None:
        self._due = False
        told: dict[int, object] = {
            K_SOURCES: [self._entry(one) for one in self._spool.all_logs() if self._is_needed(one)]
        }
        told |= _levels(self._config)
        if self._keeping is not None or (self.content and told == _told(self.content)):
            return
        version = _version(self._spool.now_s(), told, self.version)
        content = cbor2.dumps(
            {K_MAJOR: MAJOR, K_CATALOGUE: version, K_STATION: self._config.id, **told}, canonical=True
        )
        self._keeping = self._spool.keep_catalogue(version, content, copy_text(content))
        self._keeping.add_done_callback(lambda kept: self._on_kept(kept, version, content))

    def _on_kept(self, kept: asyncio.Future[None], version: int, content: bytes) -> None:
        self._keeping = None
        if kept.cancelled():
            return
        self._look_soon()  # What changed meanwhile; or once more, where the disk refused.
        if kept.exception() is None:
            self._use(version, content)
            for tell in self.on_change:
                tell()

    def _use(self, version: int, content: bytes) -> None:
        entries = cbor2.loads(content)[K_SOURCES]
        self._layouts[version] = {
            (serial, epoch): Layout(version, place, cadence, tuple(channel[1] for channel in channels), name)
            for place, (serial, epoch, name, _, cadence, channels) in enumerate(entries)
        }
        if version > self.version:
            self.version, self.content = version, content
            self._spool.catalogue_version = version

    def _is_needed(self, log: Log) -> bool:
        going_on = [other for other in self._spool.all_logs() if other.info.name == log.info.name]
        newest = [other for other in going_on if not other.info.closed][-1:]
        return bool(log.held or log.memory) or log in newest

    def _entry(self, log: Log) -> list:
        serial, epoch, _, name, kind, columns, _ = log.info
        named = {channel.column: channel for channel in self._config.channels if channel.source == name}
        offsets = self._config.datum_offsets
        channels = [_channel(name, quantity, named.get(column), offsets) for column, quantity in enumerate(columns)]
        cadence_s = 0 if kind == SOURCE_EVENTS else self._cadence.get(name, 60)
        return [serial, epoch, name, kind, cadence_s, channels]


def _told(content: bytes) -> dict[int, object]:
    """What a catalogue says beside its own name and version."""
    return {key: value for key, value in cbor2.loads(content).items() if key not in (K_MAJOR, K_CATALOGUE, K_STATION)}


def _levels(config: Station) -> dict[int, object]:
    """Threshold sets and fused channels; a key is left out where there are none."""
    sets = [
        [
            one.id, one.version, one.channel, one.datum, one.valid_from, one.source,
            [part for step in one.steps for part in (step.name, step.level, step.at)],
        ]
        for one in config.threshold_sets
    ]  # fmt: skip
    fusions = [[one.name, one.low, one.high, one.datum, one.from_mm, one.to_mm] for one in config.fusions]
    return {key: value for key, value in ((K_SETS, sets), (K_FUSIONS, fusions)) if value}


def _version(now_s: int, told: dict[int, object], newest: int) -> int:
    """Above `newest`, ascending by the day, and other for other content: a gateway with a new card, or that lost the
    versions it had only in memory, must not mean something else by a version that the center knows already."""
    content = crc32(cbor2.dumps(told, canonical=True)) & 0xFFFF
    days = max(max(now_s - BEGIN_S, 0) // 86_400, newest >> 16)
    if days << 16 | content <= newest:
        days += 1  # A second change of this day, or a clock that went back.
    return (days & 0xFFFF) << 16 | content


def copy_text(content: bytes) -> str:
    """The catalogue message as text for its event: base64 (RFC 4648) of its zlib form (RFC 1950)."""
    text = base64.b64encode(zlib.compress(content, 9)).decode()
    return text if len(text) <= COPY_MAX else "too long for an event"


def _channel(source: str, quantity: str, channel: Channel | None, offsets: tuple[DatumOffset, ...]) -> list:
    code = QUANTITY_CODES[quantity]
    if channel is None or channel.quantity != quantity:
        return [f"{source}.{quantity}", code]  # A column that the station no longer names.
    if channel.level is None:
        return [channel.name, code]
    datum = channel.level.datum
    more: dict[int, object] = {}
    over = [part for other in other_datums(datum, offsets) for part in other]
    if over:
        more[C_OVER] = over
    if channel.sound_cdeg is not None:
        more[C_SOUND_CDEG] = channel.sound_cdeg
    return [channel.name, code, channel.level.zero_mm, datum, *([more] if more else [])]
