from __future__ import annotations

from app.submissions import factsheet

QUESTIONS = [
    {"key": "method", "type": "text", "title": "Method", "selection": [], "is_required": True},
    {"key": "family", "type": "select", "title": "Family", "selection": ["trees", "nets"],
     "is_required": False},
    {"key": "extra", "type": "checkbox", "title": "Extra data", "selection": [],
     "is_required": True},
]  # fmt: skip


def test_every_question_has_an_answer_and_nothing_else_is_kept() -> None:
    read = factsheet.read(QUESTIONS, {"method": " svm ", "extra": "on", "admin": "yes"})
    assert read == {"method": "svm", "family": "", "extra": True}


def test_unticked_checkbox_is_an_answer() -> None:
    read = factsheet.read(QUESTIONS, {"method": "svm"})
    assert read["extra"] is False
    assert factsheet.problems(QUESTIONS, read) == {}


def test_required_text_must_be_given() -> None:
    assert factsheet.problems(QUESTIONS, factsheet.read(QUESTIONS, {"method": "  "})) == {
        "method": "This question needs an answer."
    }


def test_choice_must_be_a_listed_one() -> None:
    answers = factsheet.read(QUESTIONS, {"method": "svm", "family": "magic"})
    assert set(factsheet.problems(QUESTIONS, answers)) == {"family"}


def test_long_answer_is_refused_with_its_limit() -> None:
    answers = factsheet.read(QUESTIONS, {"method": "x" * 2001})
    assert factsheet.problems(QUESTIONS, answers)["method"] == "Shorten this to 2000 characters."
