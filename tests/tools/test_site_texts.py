"""What the wizard says: both languages tell the same, and each question has an example that is a good answer."""

import re
import string

import pytest

from tests.tools.site_answers import SMALL
from tools.site import answers as kept
from tools.site.batch import answered
from tools.site.questions import questions
from tools.site.texts import FOLDER, asked, table

NAMES = ("questions", "talk", "comments", "wiring")
# A fact that only one language needs: the other says it in another way, or leaves it to the picture.
SENTENCES = [
    (name, section, key)
    for name in NAMES
    for section, keys in table(name).items()
    for key in keys
    if (name, section) != ("questions", "ask")
]


def facts(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("name", "section", "key"), SENTENCES)
def test_both_languages_tell_the_same_facts(name, section, key):
    found = table(name)[section][key]
    assert found.keys() == {"zh", "en"}
    assert facts(found["en"]) <= facts(found["zh"]) or facts(found["zh"]) <= facts(found["en"])
    assert "预警" not in found["zh"]
    assert not re.search("[\u4e00-\u9fff]", found["en"])


@pytest.mark.parametrize("key", sorted(table("questions")["ask"]))
def test_a_question_explains_itself_in_both_languages(key):
    for lang in ("zh", "en"):
        found = table("questions")["ask"][key][lang]
        assert found["ask"]
        assert len(found["why"]) > 6
        assert asked(key, "example", lang)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_question_has_a_good_answer_to_show_its_default_or_its_example(lang):
    found = answered(kept.flat(SMALL), "en")[0]
    for question in questions(found):
        text = question.example(lang) if question.default is None else question.default
        assert question.check(text), question.name


def test_no_table_of_the_folder_is_forgotten():
    assert {file.stem for file in FOLDER.glob("*.toml")} == {*NAMES, "power"}
