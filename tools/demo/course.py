"""The course of a demo: start everything, a stretch at 1x for latencies, the scenario fast, drain, stop, account."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from gateway import words
from tools.demo import account, latency, screen, site
from tools.demo.pace import Pace
from tools.demo.phrases import phrase
from tools.demo.play import Player, wait_until
from tools.demo.tap import SeenEvent, Tap
from tools.emulator.whole import WholeStation
from tools.scenario import Scenario
from wire.telemetry import (
    E_AT_MS,
    E_CHANNEL,
    E_DETECTED_MS,
    E_KIND,
    E_LEVEL,
    E_RULE,
    E_SIREN_MS,
    EVENT_KINDS,
)

FIRST_ROWS_TIMEOUT_S = 90.0
DRAIN_TIMEOUT_S = 30.0
DELIVER_TIMEOUT_S = 15.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Course:
    """One run of the demo in `folder`. `run()` gives the result; what is happening is told on stderr or in the live
    table.
    """

    def __init__(self, folder: Path, *, speed: float | None, sabotage: str, lang: str, live: bool) -> None:
        self._speed = speed or site.RATE
        self._lang = lang
        self._live = live
        self._console = Console(stderr=not live)
        self._scenario = Scenario.load("demo")
        self._rig = site.make_rig(folder, self._scenario.start_unix_s)
        self._station = WholeStation(folder, self._rig, site.STATION_TOML, station_id=site.STATION_ID, plant=sabotage)
        self._tap = Tap(0)
        self._stretch_s = 0.0

    def run(self) -> dict[str, Any]:
        self._say(phrase("starting", self._lang))
        with self._station:
            self._tap.port = self._station.broker.port
            self._tap.start()
            player = Player(self._scenario, self._rig, site.DRIVES)
            player.prime()
            self._station.wait_for(self._all_seen, FIRST_ROWS_TIMEOUT_S, "a value on every channel")
            self._say(phrase("latencies", self._lang, trials=latency.TRIALS))
            measured = latency.measure(self._station, self._tap)
            self._play(player)
            line = self._rig.line.stats()
            self._say(phrase("draining", self._lang))
            self._drain()
            gateway = self._gateway_costs()
            status = self._station.status()
            self._deliver()
            self._tap.stop()
            result = self._result(status, line, gateway)
            result["latency_ms"] = measured.summary()
        return result

    def _play(self, player: Player) -> None:
        self._say(phrase("playing", self._lang, minutes=self._scenario.duration_s / 60, rate=self._speed))
        for label in self._labels():
            self._say(f"  {label}")
        self._rig.set_rate(self._speed)
        self._rig.line.stats(reset=True)
        began_s = time.monotonic()
        began_ms = self._rig.now_ms()
        player.start()
        timeout_s = 3 * self._scenario.duration_s / self._speed + 60
        pace = Pace(self._speed, self._slow_down)
        if self._live:
            with Live(console=self._console, refresh_per_second=4) as live:
                wait_until(player, timeout_s, lambda: live.update(self._picture(player, pace)))
        else:
            self._next_line_s = 0.0
            wait_until(player, timeout_s, lambda: self._line(player, pace))
        self._stretch_s = (self._rig.now_ms() - began_ms) / 1000
        self._stretch_wall_s = time.monotonic() - began_s
        self._rig.set_rate(1.0)

    def _picture(self, player: Player, pace: Pace) -> Any:
        status = self._look(pace)
        done, everything = player.elapsed_s / 60, self._scenario.duration_s / 60
        position = phrase("position", self._lang, done=done, all=everything, rate=pace.rate)
        return screen.picture(status, labels=self._labels(), position=position, stored=self._stored(), lang=self._lang)

    def _slow_down(self, rate: float) -> None:
        self._rig.set_rate(rate)
        self._say(phrase("slower", self._lang, rate=rate))

    def _look(self, pace: Pace) -> dict[str, Any]:
        status = self._station.status()
        pace.look(status["buses"][0]["scans"], status["buses"][0]["scans_skipped"])
        return status

    def _line(self, player: Player, pace: Pace) -> None:
        """Headless: one plain line every ten seconds, so that nothing is silent for long."""
        status = self._look(pace)
        if time.monotonic() < self._next_line_s:
            return
        self._next_line_s = time.monotonic() + 10
        alarms = [f"{a['rule']} {words.level_word(a['level'], self._lang)}" for a in status["alarms"] if a["level"]]
        self._say(
            phrase(
                "progress",
                self._lang,
                minutes=player.elapsed_s / 60,
                stored=self._stored(),
                waiting=status["unacknowledged_rows"],
                alarms=", ".join(alarms) or words.level_word(0, self._lang),
            )
        )

    def _all_seen(self) -> bool:
        channels = self._station.status().get("channels", [])
        return len(channels) > 0 and all(channel["value"] is not None for channel in channels)

    def _stored(self) -> int:
        rows = self._station.center_query("SELECT count(*) FROM rows")
        return rows[0][0] if rows else 0

    def _drain(self) -> None:
        """Until the gateway holds every row that the boards have; what it never gets, the account shows as lost."""
        try:
            self._station.wait_for(
                lambda: account.made_by_boards(self._rig) <= account.in_spool(self._station.spool_file),
                DRAIN_TIMEOUT_S,
                "the boards' last rows",
            )
        except TimeoutError as error:
            self._say(str(error))

    def _deliver(self) -> None:
        """The gateway sends what it holds as it stops; the center commits what the broker hands over."""
        self._station.gateway.stop()
        made = account.in_spool(self._station.spool_file)
        try:
            self._station.wait_for(
                lambda: made <= set(self._station.center_rows()), DELIVER_TIMEOUT_S, "the last rows at the center"
            )
        except TimeoutError as error:
            self._say(str(error))

    def _gateway_costs(self) -> dict[str, float]:
        pid = self._station.gateway.pid
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        peak_kib = next(
            int(line.split()[1])
            for line in Path(f"/proc/{pid}/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        return {"rss_mib": peak_kib / 1024, "cpu_s": (int(fields[11]) + int(fields[12])) / TICKS_PER_S}

    def _result(self, status: dict[str, Any], line: dict[str, Any], gateway: dict[str, float]) -> dict[str, Any]:
        sums = account.take(self._station)
        readings = self._station.center_query("SELECT count(*) FROM readings")[0][0]
        bus = status["buses"][0]
        return {
            "rows_made": len(sums.made),
            "rows_stored": sums.stored_count,
            "lost": sums.lost,
            "duplicated": sums.duplicated,
            "readings_stored": readings,
            "channels": [{"name": c["name"], "quantity": c["quantity"]} for c in status["channels"]],
            "alarms": [self._alarm(seen) for seen in self._tap.seen() if E_RULE in seen.event],
            "bytes_per_reading": round(self._tap.bytes_of("live", "late") / max(1, readings), 3),
            "event_bytes": self._tap.bytes_of("event"),
            "scan_s": site.SCAN_S,
            "scans": bus["scans"],
            "scans_skipped": bus["scans_skipped"],
            "bus_use": round(line["busy_permil"] / 1000, 3),
            "bus_counters": bus["counters"],
            "gateway_rss_mib": round(gateway["rss_mib"], 1),
            "gateway_cpu_s": round(gateway["cpu_s"], 2),
            "station_s": round(self._stretch_s, 1),
            "speed": round(self._stretch_s / self._stretch_wall_s, 1),
            "data": self._labels(),
        }

    def _alarm(self, seen: SeenEvent) -> dict[str, Any]:
        event = seen.event
        return {
            "kind": EVENT_KINDS[event[E_KIND]],  # type: ignore[index]
            "rule": event[E_RULE],
            "channel": event.get(E_CHANNEL),
            "level": words.LEVEL_NAMES[event.get(E_LEVEL, 0)],  # type: ignore[index]
            "t_event": event[E_AT_MS],
            "t_detect": event[E_DETECTED_MS],
            "t_siren": event.get(E_SIREN_MS),
            "t_center": None if seen.acknowledged_s is None else self._rig.unix_ms_at(seen.acknowledged_s),
        }

    def _labels(self) -> list[str]:
        labels = [f"{name}: {curve.label}" for name, curve in self._scenario.curves.items()]
        return [*labels, f"rain: {self._scenario.tips_label}"]

    def _say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
