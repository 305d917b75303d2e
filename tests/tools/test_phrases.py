"""What the technician's commands say: both languages alike, and within a terminal's width."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words import columns
from tools import self_test_phrases
from tools.calibrate import phrases as calibrate_phrases
from tools.faults import fault, left, table
from tools.phrases import PHRASES, phrase, wrapped
from tools.provision import phrases as provision_phrases


def names(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(PHRASES))
def test_both_languages_tell_the_same_facts(key):
    zh, en = PHRASES[key]
    assert names(zh) == names(en)
    assert phrase(key, "zh", **dict.fromkeys(names(zh), 1))


OWN = {"self-test": self_test_phrases, "provision": provision_phrases, "calibrate": calibrate_phrases}


@pytest.mark.parametrize("said", OWN.values(), ids=OWN)
def test_a_commands_own_phrases_tell_the_same_in_both_languages(said):
    for key, (zh, en) in said.PHRASES.items():
        assert names(zh) == names(en), key
        assert said.phrase(key, "zh", **dict.fromkeys(names(zh), 1))
        assert "预警" not in zh


@pytest.mark.parametrize("key", sorted(table()["fault"]))
def test_every_failure_has_its_five_parts_in_both_languages(key):
    found = table()["fault"][key]
    assert found["exit"] in (1, 2, 3, 4, 5)
    for lang in ("zh", "en"):
        told = found[lang]
        assert told["do"]
        assert left(told["state"], lang) not in ("", "nothing", "partly")
        facts = set().union(*(names(text) for text in [told["what"], told["likely"], told["state"], *told["do"]]))
        text = fault(key, lang, seen="seen", **dict.fromkeys(facts, "X")).text()
        assert len(text.splitlines()) == 5 + len(told["do"])
        assert bool(re.search("[\u4e00-\u9fff]", text)) == (lang == "zh")
    texts = [[found[lang]["what"], *found[lang]["do"]] for lang in ("zh", "en")]
    assert names(" ".join(texts[0])) <= names(" ".join(texts[1])) | {"port", "image", "board"}


@given(st.text("ab 水位", max_size=60), st.integers(20, 40))
def test_a_long_value_is_wrapped_and_nothing_of_it_is_lost(text, room):
    lines = wrapped(text, room)
    assert all(columns(line) <= room for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
