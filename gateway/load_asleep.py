"""What may judge a board that sleeps: it is seen for seconds, at its reports.

Rules of this file: what would be silently late or never judged is refused where it is written.
"""

from collections.abc import Mapping

from gateway.config import Channel, Rule
from gateway.toml_table import Table

WINDOW_REPORTS = 2  # A window that is shorter has nothing in it most of the time.


def check_asleep(table: Table, rule: Rule, channels: Mapping[str, Channel], reports_ms: Mapping[str, int]) -> None:
    """Name what `rule` asks of a board that sleeps and cannot be had. `reports_ms`: of each source, 0 = awake."""
    if rule.kind == "lost":
        return
    for name in (rule.channel, *rule.axes):
        channel = channels.get(name)
        report_ms = reports_ms.get(channel.source, 0) if channel is not None else 0
        if not report_ms:
            continue
        seen = f'"{name}" is of a board that sleeps and is seen every {report_ms // 1_000} s'
        if rule.siren:
            table.problem("siren", f"{seen}; a siren must not wait for that: write siren = false, or let it be awake")
        shortest_ms = min((ms for ms in (rule.window_ms, *rule.windows_ms) if ms), default=0)
        if 0 < shortest_ms < WINDOW_REPORTS * report_ms:
            least_s = WINDOW_REPORTS * report_ms // 1_000
            table.problem("window", f'{seen}; a window holds two reports at least: use "{least_s} s" or more')
        return
