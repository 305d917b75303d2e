"""What a board on Wi-Fi has beside its definition: its credentials, and what is never told of them."""

import json

import pytest

import boards
from boards.wifi import Credentials

LINK = ("192.168.4.1", 1_883, "CYB01")
OWN = {
    "ssid": "station CYB01",
    "wifi_key": "correct horse battery",
    "username": "00112233445566aa",
    "password": "8f14e45fceea167a5a36dedd4bea2543",
}
SECRETS = (OWN["wifi_key"], OWN["password"])


def made(credentials=None):
    return boards.mqtt_board_json("esp32-wifi", *LINK, fit=("level",), credentials=credentials)


def test_credentials_stand_in_the_link_and_change_no_hash():
    plain, own = made(), made(OWN)
    assert own["link"] == {**plain["link"], **OWN}
    assert own["definition"] == plain["definition"]
    assert made({**OWN, "password": OWN["password"][::-1]})["definition"] == plain["definition"]
    assert not any(secret in json.dumps(plain) for secret in SECRETS)


WRONG = {
    "ssid": ["", "x" * 33, "水" * 11, 7],
    "wifi_key": ["", "seven 7", "x" * 64, "schlüssel schlüssel"],
    "username": ["gauge-7", "00112233445566AA", "00112233445566aa/#", "+", ""],
    "password": ["short", "with space in between", "x" * 65, "", 1234567890123456],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values])
def test_a_wrong_one_is_refused_by_its_key_and_no_value_is_told(key, value):
    with pytest.raises(boards.DefinitionError) as refused:
        made({**OWN, key: value})
    assert [problem.key for problem in refused.value.found] == [key]
    told = str(refused.value)
    assert not any(secret in told for secret in SECRETS)
    assert value == "" or str(value) not in told.replace(key, "")


def test_a_missing_or_unknown_one_is_named():
    with pytest.raises(boards.DefinitionError) as refused:
        made({"ssid": "station", "pasword": OWN["password"]})
    assert {problem.key for problem in refused.value.found} == {"wifi_key", "username", "password", "pasword"}
    assert OWN["password"] not in str(refused.value)


def test_credentials_that_are_printed_show_no_secret():
    shown = repr(Credentials(**OWN))
    assert OWN["username"] in shown
    assert not any(secret in shown for secret in SECRETS)


PLAN = {"wake_s": 300, "report_every": 6, "at_once": [{"quantity": "head_mm", "above": 2_500}]}


def asleep(plan=PLAN, fit=("level",), **changes):
    return boards.mqtt_board_json("esp32-wifi", *LINK, fit=fit, sleep={**plan, **changes})


def test_a_plan_to_sleep_is_part_of_the_definition_and_names_columns():
    made_asleep = asleep()
    limits = [{"column": 0, "above": 2_500, "below": None}]
    assert made_asleep["sleep"] == {"wake_s": 300, "report_every": 6, "at_once": limits}
    assert made_asleep["definition"] != made()["definition"]
    assert asleep(at_once=[])["sleep"]["at_once"] == []


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"wake_s": 90}, "wake_s"),
        ({"wake_s": 30}, "wake_s"),
        ({"wake_s": "300"}, "wake_s"),
        ({"report_every": 0}, "report_every"),
        ({"report_every": 289}, "report_every"),
        ({"at_once": [{"quantity": "head_mm"}]}, "at_once"),
        ({"at_once": [{"quantity": "rain_um", "above": 1}]}, "at_once.quantity"),
        ({"at_once": [{"quantity": "head_mm", "above": 2.5}]}, "at_once.above"),
        ({"at_once": {"quantity": "head_mm", "above": 1}}, "at_once"),
        ({"wake": 300}, "wake"),
    ],
)
def test_a_plan_that_cannot_be_kept_is_refused_by_its_key(changes, key):
    with pytest.raises(boards.DefinitionError) as refused:
        asleep(**changes)
    assert [problem.key for problem in refused.value.found] == [key]


@pytest.mark.parametrize("fit", ["rain", "smoke"])
def test_a_sensor_whose_events_would_be_slept_through_is_refused(fit):
    with pytest.raises(boards.DefinitionError, match=f"a board that sleeps misses it; take {fit} out of fit"):
        asleep(fit=("level", fit))
