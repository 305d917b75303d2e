"""Answers to `riverpost site new` for its tests: a small site, and any site that the questions allow."""

from hypothesis import strategies as st

from tools.site.checks import Wrong
from tools.site.questions import Question, questions

SMALL = {
    "station": {"id": "CYB01", "name": "菜园坝", "name_en": "Caiyuanba"},
    "center": {"host": "10.1.2.3"},
    "board": [{"fit": ["level"], "name": "level"}, {"fit": ["rain", "tilt"], "name": "slope"}],
    "sensor": [{"profile": "radar-60ghz", "name": "radar", "address": 20}],
    "level": {
        "1": {"zero": "160.00 m", "surveyed": "2020-05-30", "guard": "165 m", "warning": "168 m", "plan": "plan, 2022"},
        "2": {"offset": "12.00 m"},
    },
    "cable": {"length": "120 m"},
    "power": {"battery": 100},
}
TEXT = st.text(st.characters(codec="utf-8"), max_size=70)
ANYTHING = st.one_of(
    TEXT, st.integers(-5, 300).map(str), st.sampled_from(["-", "y", "n", "?", "0", "1e9", "１２", "247", "nan", "-0"])
)
# Kinds of answers that are worth trying, by the key of their question.
TRIED = {
    "boards": st.integers(0, 5).map(str),
    "sensors": st.integers(0, 3).map(str),
    "board.fit": st.lists(st.sampled_from(["level", "gap", "rain", "tilt", "smoke"]), min_size=1).map(" ".join),
    "board.name": st.one_of(TEXT, st.sampled_from(["river", "river2", "main", "storage", "rate", "smoke", "水位"])),
    "sensor.name": st.one_of(TEXT, st.sampled_from(["river", "contact", "雷达", "local"])),
    "board.serial": st.one_of(st.just("-"), st.integers(0, 2**64 - 1).map("{:016x}".format)),
    "bus.baud": st.sampled_from(["1200", "4800", "9600", "115200"]),
    "bus.scan": st.sampled_from(["1 s", "0.3 s", "2", "5000 ms", "60 s"]),
    "level.zero": st.sampled_from(["-3.5 m", "160", "0", "185000 mm", "12.345 m"]),
    "level.offset": st.sampled_from(["7", "-2.5 m", "18.20 m", "30 mm", "500 m"]),
    **{
        f"level.{mark}": st.sampled_from(["-", "1 m", "162.5", "168 m", "180", "8000 m", "0.001 m"])
        for mark in ("guard", "warning", "guarantee", "record")
    },
    "tilt.turn": st.sampled_from(["0.25 0.5 1 2", "1,2,3,4", "0.01 0.011 0.012 90", "2 1 3 4"]),
    "tilt.rate": st.sampled_from(["0.05 0.1 0.25 0.5", "0.005 0.006 0.007 0.008"]),
    "smoke.levels": st.sampled_from(["0.10 0.20", "0.01 0.011", "1 2 3"]),
    "siren.pin": st.sampled_from(["-", "GPIO17", "gpio4", "22", "GPIO1"]),
    "siren.strobe": st.sampled_from(["-", "GPIO27", "4"]),
    "siren.test": st.sampled_from(["-", "08:30", "Sun 23:59", "mon 10:00"]),
    "power.battery": st.sampled_from(["-", "7.5", "2000"]),
    "cable.length": st.sampled_from(["1", "0.9 m", "1200 m", "350"]),
}


@st.composite
def answers(draw):
    """All answers of some site, each one such as its question takes."""
    found: dict[str, str] = {}
    for question in questions(found):
        found[question.name] = _one(draw, question)
    return found


def _one(draw, question: Question) -> str:
    for text in (draw(st.one_of(TRIED.get(question.key, ANYTHING), ANYTHING)), question.default):
        try:
            return question.check(text or "")
        except Wrong:
            continue
    for text in (question.example("en"), *question.choices):
        try:
            return question.check(text)
        except Wrong:
            continue
    raise AssertionError(f"{question.name}: not even its example is taken")
