"""Power cuts of the gateway's store, short: what it promised is there on every disk, and bugs of it are found.

The long form, with whole stations, is `./riverpost test --soak`; see tools/soak/crash_points.py.
"""

import shutil

import pytest

from tools.soak.crash import store_load
from tools.soak.crash.disk import MODELS, ORDERED, STRICT
from tools.soak.crash.kept import keep, kept, memory, search_of
from tools.soak.crash.plant import PLANTS, planted

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("strace") is None, reason="no strace (Debian package strace)"),
]

SEED = 1
STEPS = (3, 4)
STATES_MIN = 200


@pytest.fixture
def place():
    """A folder in memory: what is flushed here is only written down."""
    with memory() as folder:
        yield folder


def search(recorded, models, enough=lambda found: False):
    with memory() as folder:
        search = search_of(recorded, SEED, folder)
        for model in models:
            search.run(model, range(1), lambda: enough(search.found))
        return search.found


def test_everything_promised_is_there_after_a_power_cut_at_any_write(place):
    recorded = store_load.record_store(place / "store", SEED, STEPS)
    assert len(recorded.talk.promises) > 500
    found = search(recorded, MODELS)
    assert found.failures == []
    assert found.states > STATES_MIN
    assert found.contents > len(STEPS)


@pytest.mark.parametrize("name", PLANTS)
def test_a_store_with_a_bug_is_found_by_a_promise_that_it_broke(place, tmp_path, name):
    tree = planted(name, tmp_path / "tree")
    recorded = store_load.record_store(place / "store", SEED, (5,), tree)
    found = search(recorded, [ORDERED], lambda found: bool(found.failures))
    assert "missing, stored" in found.failures[0]
    assert found.failures[0].startswith(f"seed {SEED}, ordered, operation ")


def test_a_plant_whose_text_is_gone_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(PLANTS, "old", PLANTS["nothing is flushed"]._replace(text="nobody writes this"))
    with pytest.raises(ValueError, match="out of date"):
        planted("old", tmp_path / "tree")


def test_a_recording_that_was_kept_is_searched_again_with_the_same_end(place, tmp_path, monkeypatch):
    monkeypatch.setattr("tools.soak.crash.kept.KEPT", tmp_path / "kept")
    recorded = store_load.record_store(place / "store", SEED, (2,))
    again = kept(keep(recorded, "seed-1"))
    assert search(again, [STRICT]) == search(recorded, [STRICT])
