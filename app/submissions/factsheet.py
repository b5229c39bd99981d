"""Answers to a benchmark's fact-sheet questions: reading them and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MAX_ANSWER_CHARS = 2000


def read(questions: Sequence[Mapping[str, Any]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer for every question, in their order: text, a choice, or a boolean."""
    answers: dict[str, Any] = {}
    for question in questions:
        value = given.get(question["key"], "")
        if question["type"] == "checkbox":
            value = value in (True, "true", "on", "1", "yes")
        answers[question["key"]] = value.strip() if isinstance(value, str) else value
    return answers


def problems(questions: Sequence[Mapping[str, Any]], answers: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong, by question key; empty when everything is answered."""
    found: dict[str, str] = {}
    for question in questions:
        sentence = _problem(question, answers.get(question["key"], ""))
        if sentence:
            found[question["key"]] = sentence
    return found


def _problem(question: Mapping[str, Any], value: Any) -> str:
    if question["type"] == "checkbox":
        return ""  # both answers are answers
    if not isinstance(value, str):
        return "Enter text."
    if question["is_required"] and not value:
        return "This question needs an answer."
    if len(value) > MAX_ANSWER_CHARS:
        return f"Shorten this to {MAX_ANSWER_CHARS} characters."
    choices = question.get("selection") or []
    if question["type"] == "select" and value and value not in choices:
        return "Choose one of the listed answers."
    return ""
