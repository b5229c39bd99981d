from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.submissions.live import ansi
from app.submissions.live.ansi import Pen


def html(text: str, pen: Pen | None = None) -> str:
    return str(ansi.html(text, pen or Pen())[0])


def test_colours_become_classes() -> None:
    assert html("\x1b[31mred\x1b[0m plain") == '<span class="ansi-red">red</span> plain'
    assert html("\x1b[1;94mblue") == '<span class="ansi-blue ansi-bold">blue</span>'
    assert html("\x1b[30;42mon green") == '<span class="ansi-black ansi-on-green">on green</span>'


@pytest.mark.parametrize(
    ("codes", "ink"),
    [("38;5;196", "red"), ("38;5;2", "green"), ("38;2;0;0;255", "blue"), ("38:5:226", "yellow"),
     ("38;5;255", "white"), ("38;5;232", "black")],
)  # fmt: skip
def test_finer_colours_become_the_nearest_of_eight(codes: str, ink: str) -> None:
    assert html(f"\x1b[{codes}mx") == f'<span class="ansi-{ink}">x</span>'


def test_text_is_escaped_whatever_colours_it() -> None:
    assert html("\x1b[31m<img src=x onerror=alert(1)>\x1b[m") == (
        '<span class="ansi-red">&lt;img src=x onerror=alert(1)&gt;</span>'
    )
    assert html("<b>&") == "&lt;b&gt;&amp;"


def test_what_moves_a_cursor_sets_a_title_or_rings_is_taken_out() -> None:
    assert html("a\x1b[2K\x1b[1Ab\x1b]0;title\x07c\x07\x1b(Bd\x1bPq\x1b\\e") == "abcde"


def test_redrawn_line_shows_its_last_state() -> None:
    assert html("10%\r50%\r100%\ndone\r\n") == "100%\ndone\n"
    assert html("10%\r") == "10%"


def test_pen_goes_on_in_the_next_piece() -> None:
    _, pen = ansi.html("\x1b[1;31mfirst", Pen())
    assert html("second", pen) == '<span class="ansi-red ansi-bold">second</span>'
    assert Pen().obey(pen.pack()) == pen


@given(st.text(alphabet="\x1b[]0123456789;:m<>&\"'abK\r\n\x07P\\"))
def test_only_our_own_spans_are_markup(text: str) -> None:
    found = re.sub(r'</?span(?: class="[a-z -]+")?>', "", html(text))
    assert not re.search(r"[<>\"'\x1b]", found)


@given(st.lists(st.integers(0, 255)))
def test_pen_survives_its_way_through_an_address(codes: list[int]) -> None:
    pen = Pen().obey(";".join(str(code) for code in codes))
    assert Pen().obey(pen.pack()) == pen
