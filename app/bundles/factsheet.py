"""The fact sheet of a manifest, version 2: what is asked with each submission.

Source: docs/reference/bundle.md.
"""

from __future__ import annotations

from collections.abc import Callable

from app.bundles.fields import A_MAPPING, MAPPING_HINT, Section, described
from app.competitions.drafts import FactSheetQuestionDraft, QuestionType


def read(top: Section) -> tuple[FactSheetQuestionDraft, ...]:
    """Read what is asked with each submission; what cannot be read is reported."""
    sheet = top.get("fact_sheet")
    if not sheet:
        return ()
    if not isinstance(sheet, dict):
        expected = "a mapping of question keys to questions"
        top.wrong("fact_sheet", described(sheet), expected, MAPPING_HINT)
        return ()
    questions = []
    for key, value in sheet.items():
        if isinstance(value, dict):
            section = Section(value, (*top.at("fact_sheet"), key), top.report)
            questions.append(_question(key, section))
        else:
            path = (*top.at("fact_sheet"), key)
            top.report.wrong(path, described(value), A_MAPPING, MAPPING_HINT)
    return tuple(questions)


def _question(key: str, section: Section) -> FactSheetQuestionDraft:
    inner = section.text("key", key)
    if inner != key:
        expected = f"the name of the question itself, “{key[:60]}”"
        section.wrong("key", f"“{inner[:60]}”", expected, "Leave key out, or write the same name.")
    kind = section.choice("type", QuestionType, QuestionType.TEXT)
    question = FactSheetQuestionDraft(
        key=key,
        type=kind,
        title=section.text("title"),
        selection=_READ_SELECTION[kind](section),
        is_required=section.flag("is_required", False),
        is_on_leaderboard=section.flag("is_on_leaderboard", False),
        where=section.where,
    )
    section.close()
    return question


def _no_selection(section: Section) -> tuple[str, ...]:
    """Pass over what a checkbox or text carries by custom: both answers, or an empty text."""
    if section.get("selection") not in (None, "", [], [True, False], [False, True]):
        sentence = "Only a select has choices; this selection was ignored."
        section.report.note(section.at("selection"), sentence)
    return ()


def _selection(section: Section) -> tuple[str, ...]:
    choices = []
    for path, item in section.items("selection", "a list of choices"):
        if isinstance(item, list | dict):
            section.report.wrong(path, described(item), "text", "Write each choice after a dash.")
        elif item is not None:
            choices.append(section.report.written(path, item))
    return tuple(choices)


_READ_SELECTION: dict[QuestionType, Callable[[Section], tuple[str, ...]]] = {
    QuestionType.CHECKBOX: _no_selection,
    QuestionType.TEXT: _no_selection,
    QuestionType.SELECT: _selection,
}
