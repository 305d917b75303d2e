"""README says what is true: its station.toml loads, and the commands that it names exist."""

import re
from pathlib import Path

import pytest

from gateway.load import load
from tools.__main__ import commands, main

TOP = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.zh-CN.md")


def test_the_station_of_the_readme_is_a_good_one(tmp_path):
    text = re.search(r"```toml\n(.*?)```", (TOP / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert text is not None
    file = tmp_path / "station.toml"
    file.write_text(text[1], encoding="utf-8")
    station = load(file)
    assert station.id == "CYB01"
    assert [step.at for rule in station.rules for step in rule.steps if rule.name == "flood"] == [
        180_000,
        182_000,
        185_000,
        191_500,
        195_000,
    ]


def test_the_answers_of_the_readme_make_a_site(tmp_path):
    texts = re.findall(r"```toml\n(.*?)```", (TOP / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    (text,) = [text for text in texts if text.startswith("station = {")]
    file = tmp_path / "answers.toml"
    file.write_text(text, encoding="utf-8")
    assert main(["site", "new", str(tmp_path / "site"), "--answers", str(file)]) == 0
    assert [source.name for source in load(tmp_path / "site" / "station.toml").sources] == ["level", "slope", "radar"]


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_a_readme_exists(name):
    named = set(re.findall(r"\./riverpost ([a-z-]+)", (TOP / name).read_text(encoding="utf-8")))
    assert named >= {"demo", "test"}
    assert named <= set(commands())


@pytest.mark.parametrize("name", READMES)
def test_every_file_that_a_readme_links_to_is_there(name):
    links = re.findall(r"\]\(([^)#]+)\)", (TOP / name).read_text(encoding="utf-8"))
    assert links
    assert [link for link in links if not (TOP / link).exists()] == []
