"""Dates and times that are none, and phases that do not follow each other."""

from __future__ import annotations

from tests.bundles.corpus.cases import Case, broken, bundle, phase, phases, start

CASES: dict[str, Case] = {
    "no date": broken(
        start("soon"),
        "competition.yaml, line 15, phases[0].start: Found “soon”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "nothing": broken(
        start("null"),
        "competition.yaml, line 15, phases[0].start: Found nothing; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a number": broken(
        start("12"),
        "competition.yaml, line 15, phases[0].start: Found 12; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "seconds since 1970": broken(
        start("1893456000"),
        "competition.yaml, line 15, phases[0].start: Found 1893456000; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a switch": broken(
        start("true"),
        "competition.yaml, line 15, phases[0].start: Found true; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a list": broken(
        start("[2030, 1, 1]"),
        "competition.yaml, line 15, phases[0].start: Found a list of 3; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a mapping": broken(
        start("{year: 2030}"),
        "competition.yaml, line 15, phases[0].start: Found a mapping; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a year": broken(
        start("'2030'"),
        "competition.yaml, line 15, phases[0].start: Found “2030”, which lacks the day, the month or the year; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a month": broken(
        start("March 2030"),
        "competition.yaml, line 15, phases[0].start: Found “March 2030”, which lacks the day, the month or the year; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a time of day": broken(
        start("'10:30'"),
        "competition.yaml, line 15, phases[0].start: Found “10:30”, which lacks the day, the month or the year; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "the thirteenth month": broken(
        start("'2030-13-01'"),
        "competition.yaml, line 15, phases[0].start: Found “2030-13-01”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "the thirtieth of February": broken(
        start("2030-02-30"),
        "competition.yaml, line 15: Line 15, column 10: 2030-02-30 is not a date that exists. Correct it, or put it in quotes if it is meant as text.",
    ),
    "the thirtieth of February in quotes": broken(
        start("'2030-02-30'"),
        "competition.yaml, line 15, phases[0].start: Found “2030-02-30”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "the twenty-fifth hour": broken(
        start("'2030-01-01 25:00'"),
        "competition.yaml, line 15, phases[0].start: Found “2030-01-01 25:00”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "the thirty-second day": broken(
        start("32/01/2030"),
        "competition.yaml, line 15, phases[0].start: Found “32/01/2030”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "the year 30000": broken(
        start("1.1.30000"),
        "competition.yaml, line 15, phases[0].start: Found “1.1.30000”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a time zone of several countries": broken(
        start("2030-01-01 10:00 EST"),
        "competition.yaml, line 15, phases[0].start: Found “2030-01-01 10:00 EST”, whose time zone EST is ambiguous; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a long text": broken(
        start("x" * 100),
        "competition.yaml, line 15, phases[0].start: Found a text of 100 characters; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "no start": broken(
        bundle(("  start: 2030-01-01\n", "")),
        "competition.yaml, line 13, phases[0].start: Found nothing; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a list as an end": broken(
        phase("end: [2030-02-01]"),
        "competition.yaml, line 17, phases[0].end: Found a list of 1; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "an end before the start": broken(
        phase("end: 2029-12-31"),
        "competition.yaml, line 17, phases[0].end: The end of phase 1 is 2029-12-31 00:00 UTC; expected a time after its start, 2030-01-01 00:00 UTC. Move the end, or the start.",
    ),
    "an end at the start": broken(
        phase("end: 2030-01-01"),
        "competition.yaml, line 17, phases[0].end: The end of phase 1 is 2030-01-01 00:00 UTC; expected a time after its start, 2030-01-01 00:00 UTC. Move the end, or the start.",
    ),
    "an open phase before another": broken(
        phases("name: A, start: 2030-01-01", "name: B, start: 2030-02-01"),
        "competition.yaml, line 13, phases[0].end: The end of phase 1 is nothing; expected a time, for only the last phase may stay open. Give this phase an end.",
    ),
    "phases that overlap": broken(
        phases("name: A, start: 2030-01-01, end: 2030-03-01", "name: B, start: 2030-02-01"),
        "competition.yaml, line 14, phases[1].start: The start of phase 2 is 2030-02-01 00:00 UTC; expected 2030-03-01 00:00 UTC, when phase 1 ends, or later. Begin it later, end the other one earlier, or set is_parallel.",
    ),
    "phases that overlap one after the next": broken(
        phases(
            "name: A, start: 2030-01-01, end: 2030-02-01",
            "name: B, start: 2030-02-01, end: 2030-04-01",
            "name: C, start: 2030-03-01",
        ),
        "competition.yaml, line 15, phases[2].start: The start of phase 3 is 2030-03-01 00:00 UTC; expected 2030-04-01 00:00 UTC, when phase 2 ends, or later. Begin it later, end the other one earlier, or set is_parallel.",
    ),
    "phases in the wrong order": broken(
        phases(
            "index: 2, name: A, start: 2030-01-01, end: 2030-02-01",
            "index: 1, name: B, start: 2030-02-01, end: 2030-03-01",
        ),
        "competition.yaml, line 13, phases[0].start: The start of phase 2 is 2030-01-01 00:00 UTC; expected 2030-03-01 00:00 UTC, when phase 1 ends, or later. Begin it later, end the other one earlier, or set is_parallel.",
    ),
    "a first phase beside another": broken(
        phase("is_parallel: true"),
        "competition.yaml, line 17, phases[0].is_parallel: “Beside the phase before” of phase 1 is on; expected off, for no phase comes before it. Set it to false.",
    ),
    "migration into a track of the first phase": broken(
        phases(
            "name: A, start: 2030-01-01",
            "name: B, start: 2030-01-01, is_parallel: true, auto_migrate_to_this_phase: true",
        ),
        "competition.yaml, line 14, phases[1].auto_migrate_to_this_phase: Automatic migration into a track of the first phase is on; expected off, for no phase comes before it. Set it to false.",
    ),
    "too many phases": broken(
        phases(
            *(
                f"index: {i}, name: P, start: {2030 + i}-01-01, end: {2030 + i}-02-01"
                for i in range(51)
            )
        ),
        "competition.yaml, line 13, phases: The list is 51 entries long; expected 1 to 50 entries. Leave some out.",
    ),
}
