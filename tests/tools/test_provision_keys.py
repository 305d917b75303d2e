"""Keys of boards on Wi-Fi: each serial has its own, no two share one, and who is not of the station has no access."""

import json
import os
import stat
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boards.wifi import credentials_for
from gateway.load import load
from tests.tools.flash_inputs import station_file
from tests.tools.test_broker_access import Client
from tools.broker import Broker
from tools.failure import Failure
from tools.provision.difference import changes
from tools.provision.keys import KeyStore, hashed

SERIALS = st.integers(1, (1 << 64) - 1).map(lambda number: f"{number:016x}")
FIRST, SECOND = "0000a0b765123456", "0000a0b765abcdef"
WAIT_S = 5.0
GATEWAYS = "the-gateways-own"


@pytest.fixture
def station(tmp_path):
    path = station_file(tmp_path)
    (tmp_path / "gateway-password").write_text(GATEWAYS + "\n")
    more = 'username = "gateway"\npassword_file = "gateway-password"\nssid = "riverpost-CYB01"\n'
    path.write_text(path.read_text().replace('board_host = "192.168.4.1"\n', f'board_host = "192.168.4.1"\n{more}'))
    return path


def of_serial(path, serial):
    path.write_text(path.read_text().replace("0123456789abcdef", serial))
    return load(path)


@settings(deadline=None, max_examples=30)
@given(st.lists(SERIALS, min_size=2, max_size=12))
def test_two_serials_never_share_a_secret_and_the_same_one_keeps_its_own(tmp_path_factory, serials):
    store = KeyStore(tmp_path_factory.mktemp("keys") / "station.toml", "en")
    made = [store.make(serial) for serial in serials]
    own = {one.serial: one for one in made}
    assert [own[serial] for serial in serials] == made
    secrets = [text for one in own.values() for text in (one.wifi_key, one.password)]
    assert len(set(secrets)) == 2 * len(own)
    again = KeyStore(store.folder.parent / "station.toml", "en")
    assert [again.get(serial) for serial in serials] == made


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(SERIALS, st.booleans()), min_size=1, max_size=10))
def test_keys_that_were_forgotten_never_come_back(tmp_path_factory, acts):
    store = KeyStore(tmp_path_factory.mktemp("keys") / "station.toml", "en")
    seen = {}
    for serial, forget in acts:
        keys = store.make(serial)
        assert keys not in seen.get(serial, ())
        if forget:
            seen.setdefault(serial, []).append(keys)
            assert store.forget(serial)
            assert store.get(serial) is None


def test_keys_are_what_a_board_takes_and_lie_where_only_their_owner_reads(station):
    old = os.umask(0)
    try:
        store = KeyStore(station, "en")
        keys = store.make(FIRST)
        store.write_access(of_serial(station, FIRST))
    finally:
        os.umask(old)
    assert credentials_for(keys.link("riverpost-CYB01"))["username"] == FIRST
    for path in [store.folder, *store.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert keys.password not in repr(keys) + str(keys)


def test_a_file_that_was_copied_damaged_or_cut_off_is_refused_without_telling_it(station):
    store = KeyStore(station, "en")
    keys = store.make(FIRST)
    file, other = store.folder / f"{FIRST}.json", store.folder / f"{SECOND}.json"
    whole = file.read_text()
    for bad in (whole, whole.replace(FIRST, SECOND), "", whole[:-9], "[]", json.dumps({"serial": SECOND})):
        other.write_text(bad)
        with pytest.raises(Failure) as raised:
            store.make(SECOND)
        assert raised.value.code == "RP-P11"
        assert keys.password not in raised.value.text()
    other.unlink()
    assert store.make(SECOND).password != keys.password


def connects(broker, name, password):
    """Does the broker take this name and password?"""
    client = Client(broker.port, name, password, identifier=name)
    client.close()
    return client.code == 0


def test_the_old_units_keys_are_withdrawn_from_broker_and_access_point(station):
    store = KeyStore(station, "en")
    old = store.make(FIRST)
    assert store.write_access(of_serial(station, FIRST)) == [FIRST]
    assert (store.broker / "wpa_psk").read_text() == f"a0:b7:65:12:34:56 {old.wifi_key}\n"
    broker = Broker(station.parent / "run")
    broker.access = (store.broker / "mosquitto.conf").read_text()
    with broker:
        assert connects(broker, FIRST, old.password)
        new = store.make(SECOND)
        station.write_text(station.read_text().replace(FIRST, SECOND))
        store.forget(FIRST)
        assert store.write_access(load(station)) == [SECOND]
        assert old.wifi_key not in (store.broker / "wpa_psk").read_text()
        broker.reload()
        end_s = time.monotonic() + WAIT_S
        while connects(broker, FIRST, old.password) and time.monotonic() < end_s:
            pass
        assert not connects(broker, FIRST, old.password)
        assert connects(broker, SECOND, new.password)
        assert not connects(broker, SECOND, old.password)
        assert connects(broker, "gateway", GATEWAYS)


@pytest.mark.parametrize("said", ["", "short", "with a blank", "x" * 65, "\xe9" * 10])
def test_a_gateways_password_that_no_broker_takes_is_named_with_its_file(station, said):
    (station.parent / "gateway-password").write_text(said)
    store = KeyStore(station, "en")
    store.make(FIRST)
    with pytest.raises(Failure) as raised:
        store.write_access(of_serial(station, FIRST))
    assert "gateway-password" in raised.value.text()
    assert not store.broker.exists()


def test_what_stands_right_already_is_not_written_again(station):
    store = KeyStore(station, "en")
    store.make(FIRST)
    found = of_serial(station, FIRST)
    store.write_access(found)
    before = {path: path.stat().st_mtime_ns for path in store.broker.iterdir()}
    assert store.write_access(found) == [FIRST]
    assert {path: path.stat().st_mtime_ns for path in store.broker.iterdir()} == before


def test_a_difference_tells_every_key_but_no_secret():
    old = {"link": {"address": 11, "baud": 9600}, "sensors": [{"driver": "supply", "adc": 2}], "definition": "a"}
    new = {"link": {"address": 12, "baud": 9600}, "sensors": [{"driver": "supply", "adc": 3}], "definition": "b"}
    found = changes(old, new, {}, {})
    assert [tuple(one[:3]) for one in found] == [("link.address", "11", "12"), ("sensors.supply.adc", "2", "3")]
    link = {"wifi_key": "first secret", "password": "second secret"}
    hidden, wanted = hashed({**link, "password": "other"}, "salt"), hashed(link, "salt")
    found = changes({"link": {**link, "password": "other"}}, {"link": link}, hidden, wanted)
    assert [(one.key, one.secret) for one in found] == [("link.password", True)]
    assert "secret" not in repr([one[:3] for one in found]).replace("link.", "")
