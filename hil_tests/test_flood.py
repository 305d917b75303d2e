"""The flood of 2020 at Cuntan, played around the crossings that tools/scenarios/cuntan-2020.md works out by hand.

Two sensors see it, a pressure probe up to 187 m and a radar from 182 m on; the rule judges what is made of both.
"""

from tools import flood
from tools.demo.play import Drive, Player
from tools.scenario import Scenario
from wire.telemetry import EVENT_CODES

SENSORS = ("level", "radar")
LOW_ZERO_MM, RADAR_ZERO_MM = 177_000, 194_000
DRIVES = (Drive("cuntan", "level", "head_mm", -LOW_ZERO_MM), Drive("cuntan", "radar", "gap_mm", RADAR_ZERO_MM, -1))
CALM_MM = 1_500
BEFORE_S, AFTER_S = 15, 25
SCAN_MS = 1_000
RATE = 10.0
SLACK_MS = 60 * RATE  # A busy machine is so much of real time late at each of its processes.

# The rig's station becomes the one at Cuntan: sensor zeros, datum, marks of the scenario.
AT_CUNTAN = (
    ('name = "river"\nquantity = "head_mm"\ngauge_zero = "0.00 m"\noffset = "0.00 m"\ndatum = "local"',
     'name = "river_low"\nquantity = "head_mm"\ngauge_zero = "177.00 m"\ndatum = "wusong"'),
    ('gauge_zero = "0.00 m"\noffset = "12.00 m"\ndatum = "local"', 'gauge_zero = "194.00 m"\ndatum = "wusong"'),
    ('channel = "river"\ndatum = "local"', 'channel = "river"\ndatum = "wusong"'),
    ('guard = "4.20 m"', 'guard = "179.50 m"'),
    ('warning = "5.00 m"', 'warning = "180.50 m"'),
    ('guarantee = "6.00 m"', 'guarantee = "183.50 m"'),
    ('record = "7.40 m"', 'record = "191.41 m"'),
)  # fmt: skip
FUSION = """
[[fusion]]
name = "river"
sensors = ["river_low", "river_radar"]
overlap = ["183.00 m", "186.00 m"]
"""


def at_cuntan(text):
    for here, there in AT_CUNTAN:
        assert here in text
        text = text.replace(here, there)
    return text + FUSION


class Played:
    """The rig as a player sees it; `moved_ms` = when the station's clock showed that a sensor was moved last."""

    def __init__(self, rig):
        self._rig = rig
        self.moves = []

    def __getattr__(self, name):
        return getattr(self._rig, name)

    def set(self, name, quantity, value):
        self._rig.set(name, quantity, value)
        self.moves.append((self._rig.unix_ms(), name))


def told(rig):
    """(kind, level, t_event) of all events of the rule at the center, in order."""
    kinds = {EVENT_CODES[kind]: kind for kind in ("alarm raised", "alarm escalated", "alarm lowered", "alarm cleared")}
    rows = rig.station.center_query("SELECT kind, level, at_ms FROM events WHERE rule = 'flood' ORDER BY seq")
    return [(kinds[kind], level, at_ms) for kind, level, at_ms in rows if kind in kinds]


def crossings():
    """(unix s, level after it) of each stage of Cuntan up and down, in order."""
    stages = [stage for stage in flood.read("cuntan-2020").stages if stage.rule == "cuntan"]
    ups = [(stage.up_unix_s, level) for level, stage in enumerate(stages, 1)]
    return sorted([*ups, *((stage.down_unix_s, level - 1) for level, stage in enumerate(stages, 1))])


def play(rig, scenario, at_s):
    """Play what is around the crossing at `at_s`: (unix ms at which it is due, and when both sensors had made it)."""
    played = Played(rig)
    part = scenario.part(at_s - BEFORE_S - scenario.start_unix_s, BEFORE_S + AFTER_S)
    rig.wait_for(lambda: rig.now_ms() % 1_000 < 200, 5, "a full second")  # A player moves sensors on these.
    player = Player(part, played, DRIVES)  # pyright: ignore[reportArgumentType] - it is a rig that takes notes
    due_ms = rig.unix_ms() + BEFORE_S * 1_000
    player.start()
    player.join(rig.real_s(BEFORE_S + AFTER_S, 10))
    assert not player.is_alive()
    assert player.failure is None
    made = [min(at_ms for at_ms, name in played.moves if name == one and at_ms > due_ms - 500) for one in SENSORS]
    return due_ms, max(made)


def test_the_flood_of_2020_passes_every_stage_at_its_time_up_and_down(rig):
    rig.need("sensors", "rate")
    rig.prepare(at_cuntan).start()
    rig.set_rate(RATE)
    rig.set("level", "head_mm", CALM_MM)
    rig.wait_for_value("river", LOW_ZERO_MM + CALM_MM)
    scenario = Scenario.load("cuntan-2020")
    times = []
    for number, (at_s, level) in enumerate(crossings(), 1):
        times.append(play(rig, scenario, at_s))
        rig.station.wait_for(lambda count=number: len(told(rig)) >= count, 20, f"level {level} at the center")
    events = told(rig)
    assert [kind for kind, _, _ in events] == [
        "alarm raised", *["alarm escalated"] * 3, *["alarm lowered"] * 3, "alarm cleared",
    ]  # fmt: skip
    assert [level for _, level, _ in events] == [level for _, level in crossings()]
    late = [at_ms - made_ms for (_, _, at_ms), (_, made_ms) in zip(events, times, strict=True)]
    assert all(made_ms - due_ms <= SCAN_MS + SLACK_MS for due_ms, made_ms in times), times
    assert all(-SCAN_MS - SLACK_MS <= late_ms <= SCAN_MS + SLACK_MS for late_ms in late), late
    assert rig.station.siren()[0] == "none"
