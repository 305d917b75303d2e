"""Answers out of a file, for scripts: all that is missing or wrong is told together.

Rules of this file: what is not answered takes its default, and it is told which; a name that no question has is wrong.
"""

import difflib
from collections.abc import Mapping

from tools.faults import fault
from tools.site.checks import Wrong
from tools.site.interview import because
from tools.site.model import Answers
from tools.site.questions import Question, questions
from tools.site.texts import said


def answered(given: Answers, lang: str) -> tuple[dict[str, str], list[str]]:
    """(all answers, names of those that are defaults). `Failure`."""
    answers: dict[str, str] = {}
    wrong: list[str] = []
    defaults: list[str] = []
    for question in questions(answers):
        reason = None
        if question.name in given:
            reason = _refused(question, given[question.name])
        elif question.default is None:
            reason = Wrong("empty", example=question.example(lang))
        else:
            defaults.append(question.name)
        if reason is None:
            answers[question.name] = question.check(given.get(question.name, question.default or ""))
        else:
            wrong.append(f"{question.name}: {because(reason, lang)}")
            answers[question.name] = _some(question, lang)  # The questions after it are looked at all the same.
    if not wrong:  # Behind a wrong answer other questions come.
        wrong = [_unknown(name, answers, lang) for name in given if name not in answers]
    if wrong:
        raise fault("site_answers", lang, seen="\n".join(wrong))
    return answers, defaults


def _refused(question: Question, text: str) -> Wrong | None:
    try:
        question.check(text)
    except Wrong as reason:
        return reason
    return None


def _some(question: Question, lang: str) -> str:
    """A good answer with which to go on."""
    for text in (question.default, question.example(lang), *question.choices):
        if text is not None and _refused(question, text) is None:
            return question.check(text)
    raise AssertionError(f"{question.name}: its example is no good answer")


def _unknown(name: str, answers: Mapping[str, str], lang: str) -> str:
    near = difflib.get_close_matches(name, answers, 1, 0.6)
    return said("talk", "ask", "near" if near else "unknown", lang, name=name, near="".join(near))
