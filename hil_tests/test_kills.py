"""The kill loop of the soak (tools/soak/kills.py), short: each kind of death at least once."""

from tools.demo import account
from tools.soak import kills

SEED = 2584  # whose first kills are of every kind
SHORT = 8


def test_parts_killed_at_random_lose_and_double_nothing(quick_rig):
    quick_rig.need("flash-dump", "power", "power-cut", "hang", "line-off", "line-faults")
    steps = kills.plan(SEED, SHORT, list(quick_rig.boards))
    assert {step.what for step in steps} == {*kills.KILLS, *kills.OUTAGES}
    result = kills.one_station(quick_rig.prepare(), steps, f"seed {SEED}", print)
    assert result.failures == []
    assert result.kills == SHORT
    assert result.sums is not None
    assert len(account.made_by_boards(quick_rig)) >= kills.ROWS_MIN * SHORT
