"""The gateway's own spool on the files that a power cut left: it must open them as they are, and go on.

Rules of this file: only what the gateway itself calls. The files are a copy; what is written to them is thrown away.
"""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from gateway.clock import Clock
from gateway.commit import StoreError
from gateway.config import Station
from gateway.ranges import Ranges
from gateway.spool import Spool
from tools.soak.crash.talk import Key
from wire.reading import SYNCED
from wire.row import Reading
from wire.telemetry import E_AT_MS, E_DETAIL, E_DETECTED_MS, E_KIND, EVENT_CODES, SOURCE_EVENTS

_ROW_S = 1_900_000_000


class Reopened:
    """Starts the spool of `config` on a folder. `boards`: (moment, log, gateway has) as it was told to boards."""

    def __init__(self, config: Station, boards: list[tuple[int, Key, int, int]]) -> None:
        self._config = config
        self._boards = boards

    def try_it(self, folder: Path, end: int) -> tuple[list[str], dict[Key, Ranges]]:
        """(what is wrong, the seqs given to new rows and events) after a cut before moment `end`."""
        return asyncio.run(self._go_on(folder, end))

    async def _go_on(self, folder: Path, end: int) -> tuple[list[str], dict[Key, Ranges]]:
        place = folder / Path(self._config.spool.path).name
        settings = replace(self._config.spool, path=str(place), commit_window_ms=1)
        spool = Spool(replace(self._config, spool=settings), Clock())
        await spool.open()
        try:
            wrong = [f"it does not open: {spool.failed}"] if spool.failed else []
            wrong += [f"it was set aside as {file.name}" for file in folder.glob("*damaged*")]
            if spool.counters["state_damaged"]:
                wrong.append("a kept state is damaged")
            for moment, key, gateway_has, _ in self._boards:
                if moment < end and spool.watermark(*key) < gateway_has:
                    wrong.append(
                        f"up to {spool.watermark(*key)} of {key[0].hex()}, {gateway_has} was acknowledged to it"
                    )
            return wrong, await _append(spool, self._config)
        except StoreError as error:
            return [f"it takes nothing any more: {error}"], {}
        finally:
            await spool.close()


async def _append(spool: Spool, config: Station) -> dict[Key, Ranges]:
    """The seqs that new rows of every log of the gateway's own get."""
    before = {log.key: log.held.copy() for log in spool.all_logs()}
    told = {E_KIND: EVENT_CODES["gateway started"], E_AT_MS: 1, E_DETECTED_MS: 1, E_DETAIL: "after the cut"}
    await spool.append_event(told)
    for source in config.sources:
        if source.profile:
            readings = [Reading(channel.column, 0) for channel in source.channels]
            await spool.append_made(source.name, [(_ROW_S, 0, SYNCED, readings)])
    made = [log for log in spool.all_logs() if log.info.kind == SOURCE_EVENTS or log.info.name in _made_names(config)]
    return {log.key: log.held.minus(before.get(log.key, Ranges())) for log in made}


def _made_names(config: Station) -> set[str]:
    return {source.name for source in config.sources if source.profile}
