"""The figures as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_SPREADS = {
    "overhead_s": "platform overhead of a submission, s",
    "overhead_detailed_s": "the same with detailed results, s",
    "start_s": "submission request to container start, s",
    "bare_loop_s": "bare container, created to removed, s",
    "first_page_s": "second ./run to its first page, s",
}
_NUMBERS = {
    "throughput_per_min": "submissions a minute, one worker",
    "bare_throughput_per_min": "bare containers a minute",
    "throughput_ratio": "the one as part of the other",
}
_BOARDS = {
    "board_ms": "board, one page",
    "board_json_ms": "board as JSON, one page",
    "board_whole_json_ms": "board as JSON, all rows",
}


def as_text(figures: dict[str, Any]) -> str:
    """Return a readable table of all figures; what could not be measured is n/a."""
    return "\n".join(
        [*_head(figures), *_spreads(figures), *_live(figures), *_boards(figures), *_memory(figures)]
    )


def _head(figures: dict[str, Any]) -> Iterator[str]:
    yield ", ".join(f"{key} {value}" for key, value in figures["machine"].items())
    yield ""


def _spreads(figures: dict[str, Any]) -> Iterator[str]:
    yield f"{'':44}{'min':>9}{'median':>9}{'max':>9}{'n':>6}"
    for key, what in _SPREADS.items():
        found = figures[key]
        if found is None:
            yield f"{what:44}{'n/a':>9}"
        else:
            numbers = "".join(f"{found[name]:9.3f}" for name in ("min", "median", "max"))
            yield f"{what:44}{numbers}{found['n']:6}"
    for key, what in _NUMBERS.items():
        yield f"{what:44}{'':9}{'n/a' if figures[key] is None else figures[key]:>9}"


def _live(figures: dict[str, Any]) -> Iterator[str]:
    found = figures["live_lag_s"]
    if found is None:
        yield "line printed to line seen: n/a"
        return
    numbers = ", ".join(f"{name} {found[name]:.3f}" for name in ("min", "median", "p95", "max"))
    yield f"line printed to line seen on {found['pages']} open pages, s: {numbers} (n {found['n']})"
    other = found["other_pages"]
    yield (
        f"other pages meanwhile, p95, ms: {other['p95_ms']} after {other['p95_ms_alone']} alone, "
        f"ratio {other['p95_ratio']}"
    )


def _boards(figures: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield f"{'':44}{'rows':>9}{'SQL':>9}{'p50, ms':>9}{'p95, ms':>9}"
    for key, what in _BOARDS.items():
        for backend, by_rows in figures[key].items():
            if by_rows is None:
                yield f"{f'{what}, {backend}':44}{'n/a':>9}"
                continue
            for rows, found in by_rows.items():
                numbers = f"{found['sql']:9}{found['p50']:9.1f}{found['p95']:9.1f}"
                yield f"{f'{what}, {backend}':44}{rows:>9}{numbers}"


def _memory(figures: dict[str, Any]) -> Iterator[str]:
    yield ""
    found = figures["idle_pss_mib"]
    if found is None:
        yield "idle stack, MiB PSS: n/a"
        return
    parts = ", ".join(f"{name} {size:.0f}" for name, size in found["processes"].items())
    yield f"idle stack, MiB PSS: {found['total']:.0f} ({parts})"
