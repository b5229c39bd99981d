from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.submissions.live import transcript
from app.submissions.live.transcript import Place, Voice

NAMES = {Voice.PREDICTION: "Prediction", Voice.PREDICTION_INGESTION: "Ingestion"}


def test_errors_are_told_apart_and_keep_their_place_in_time() -> None:
    chunks = [("scoring_stdout", "one\n"), ("scoring_stderr", "two <\n"), ("scoring_stdout", "3\n")]
    html, _ = transcript.render(chunks, Place(), {})
    assert html == 'one\n<span class="log__errors">two &lt;\n</span>3\n'


def test_each_who_speaks_is_named_where_they_begin() -> None:
    chunks = [
        ("prediction_stdout", "a"), ("prediction_ingestion_stderr", "b\n"),
        ("prediction_stdout", "c\n"),
    ]  # fmt: skip
    html, _ = transcript.render(chunks, Place(), NAMES)
    assert html.striptags() == "Prediction a Ingestion b Prediction c"
    assert "a\n<span" in html  # a line of another begins on a line of its own


def test_later_piece_goes_on_where_the_page_left_off() -> None:
    first = [("prediction_stdout", "\x1b[32mgreen\nstill")]
    second = [("prediction_stdout", " green\n"), ("prediction_stderr", "no\n")]
    _, place = transcript.render(first, Place(), NAMES)
    again = Place.unpack(place.pack())
    assert again == place
    html, _ = transcript.render(second, again, NAMES)
    assert html.startswith('<span class="ansi-green"> green\n</span>')
    assert "log__voice" not in html


def test_end_of_a_plot_that_is_written_apart_leaves_no_empty_line() -> None:
    plot, message = '{"type": "plot", "value": [1, 2]}', '{"type": "message", "message": "hello"}'
    chunks = [
        ("prediction_stdout", f"one\n{plot}"), ("prediction_stderr", "careful\n"),
        ("prediction_stdout", "\n"), ("prediction_stdout", "two\n"),
        ("prediction_stdout", message), ("prediction_stdout", "\n\nthree\n"),
    ]  # fmt: skip
    html, _ = transcript.render(chunks, Place(), {})
    assert html == 'one\n<span class="log__errors">careful\n</span>two\nhello\n\nthree\n'


def test_end_of_a_line_that_another_stream_cut_leaves_no_empty_line() -> None:
    chunks = [
        ("scoring_stdout", "one"), ("scoring_stderr", "careful\n"), ("scoring_stdout", "\n"),
        ("scoring_stdout", "two\n"),
    ]  # fmt: skip
    html, place = transcript.render(chunks, Place(), {})
    assert html == 'one\n<span class="log__errors">careful\n</span>two\n'
    assert not place.is_in_line


@given(st.text())
def test_address_that_somebody_made_up_is_the_beginning_or_a_place(text: str) -> None:
    assert isinstance(Place.unpack(text), Place)


def test_message_is_opened_and_plots_are_left_out() -> None:
    chunks = [
        (
            "prediction_stdout",
            '{"type": "message", "message": "hello"}\n{"type":"plot","value":[1,2]}\n{"a": 1}\n',
        )
    ]
    html, _ = transcript.render(chunks, Place(), {})
    assert str(html) == "hello\n{&#34;a&#34;: 1}\n"


def test_name_in_an_address_stands_for_its_streams() -> None:
    assert transcript.streams_of("scoring") == {"scoring_stdout", "scoring_stderr"}
    assert transcript.streams_of("scoring_stderr") == {"scoring_stderr"}
    assert transcript.streams_of("nobody") == frozenset()
    assert len(transcript.streams_of("")) == 8


def test_plain_log_begins_another_stream_on_a_line_of_its_own() -> None:
    chunks = [("prediction_ingestion_stdout", "fit"), ("prediction_stderr", "oh\n")]
    assert transcript.text_of(chunks) == "fit\noh\n"
