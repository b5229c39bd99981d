"""Broken bundles of CodaLab, versions 1.5 and 1.8."""

from __future__ import annotations

from tests.bundles.corpus.cases import THEIRS, Case, broken, legacy
from tests.bundles.legacy.manifests import PLAIN

CASES: dict[str, Case] = {
    "no title": broken(
        legacy(("title: A challenge\n", "")),
        "competition.yaml, title: The title is empty; expected 1 to 256 characters. Give it under title.",
    ),
    "a list of pages": broken(
        legacy(("html:\n  overview: overview.md\n  terms: terms.md\n", "html: [overview.md]\n")),
        "competition.yaml, line 4, html: Found a list of 1; expected a mapping of names to files. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a page that is not there": broken(
        legacy(("overview: overview.md", "overview: start.html")),
        "competition.yaml, line 5, html.overview: Found “start.html”, which is not in the zip; expected a file of the zip. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "terms that are not there": broken(
        legacy(("terms: terms.md", "terms: rules.md")),
        "competition.yaml, line 6, html.terms: Found “rules.md”, which is not in the zip; expected a file of the zip. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a logo that is not there": broken(
        legacy(("logo.png", "pic.png")),
        "competition.yaml, line 3, image: Found “pic.png”, which is not in the zip; expected a file of the zip. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "text for phases": broken(
        legacy((PLAIN[PLAIN.index("phases:") : PLAIN.index("leaderboard:")], "phases: two\n")),
        "competition.yaml, line 7, phases: Found “two”; expected a mapping of phases. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "text for a phase": broken(
        legacy(("phases:\n", "phases:\n  0: first\n")),
        "competition.yaml, line 8, phases.0: Found “first”; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "nothing for a phase": broken(
        legacy(("phases:\n", "phases:\n  0:\n")),
        "competition.yaml, line 8, phases.0: Found nothing; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a phase without a start": broken(
        legacy(("    start_date: 2030-01-01 09:30:00\n", "")),
        "competition.yaml, line 9, phases.1.start_date: Found nothing; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a start that is none": broken(
        legacy(("2030-01-01 09:30:00", "in spring")),
        "competition.yaml, line 11, phases.1.start_date: Found “in spring”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a start that is a number": broken(
        legacy(("2030-01-01 09:30:00", "20300101")),
        "competition.yaml, line 11, phases.1.start_date: Found 20300101; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "an end before the start": broken(
        legacy(("title: A challenge", "end_date: 2029-01-01\ntitle: A challenge")),
        "competition.yaml, line 1, end_date: The end of phase 2 is 2029-01-01 00:00 UTC; expected a time after its start, 2030-02-01 08:00 UTC. Move end_date, or the start_date of phase 2.",
    ),
    "an end that is none": broken(
        legacy(("title: A challenge", "end_date: never\ntitle: A challenge")),
        "competition.yaml, line 1, end_date: Found “never”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "phases that start at once": broken(
        legacy(("2030-02-01T10:00:00+02:00", "2030-01-01 09:30:00")),
        "competition.yaml, line 16, phases.2.start_date: Phase 2 begins, and phase 1 ends, at 2030-01-01 09:30 UTC; expected a time after phase 1 begins, 2030-01-01 09:30 UTC. Correct the start_date of phase 2 or 1, or their phasenumber.",
    ),
    "a phase without a label": broken(
        legacy(("    label: Final\n", "")),
        "competition.yaml, line 14, phases.2.label: The name of phase 2 is empty; expected 1 to 256 characters. Give it under label.",
    ),
    "a number that is none": broken(
        legacy(("phasenumber: 2", "phasenumber: second")),
        "competition.yaml, line 14, phases.2.phasenumber: Found “second”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a phase without a scoring program": broken(
        legacy(
            (
                "    label: Final\n    start_date: 2030-02-01T10:00:00+02:00\n    scoring_program: scoring/\n",
                "    label: Final\n    start_date: 2030-02-01T10:00:00+02:00\n",
            )
        ),
        "competition.yaml, line 14, phases.2.scoring_program: The scoring program of phase 2 is nothing; expected a file, a folder or the key of a stored program. Name the program that computes the scores under scoring_program.",
    ),
    "a program that is not there": broken(
        legacy(("    label: Final\n", "    label: Final\n    ingestion_program: ingest.zip\n")),
        "competition.yaml, line 16, phases.2.ingestion_program: Found “ingest.zip”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a program that is no zip": broken(
        legacy(("    label: Final\n", "    label: Final\n    reference_data: truth.csv\n")),
        "competition.yaml, line 16, phases.2.reference_data: Found “truth.csv”, which is not a zip file; expected a zip file or a folder. Zip it, or put it into a folder and name the folder.",
    ),
    "a limit that is none": broken(
        legacy(("    label: Final\n", "    label: Final\n    max_submissions: many\n")),
        "competition.yaml, line 16, phases.2.max_submissions: Found “many”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a negative limit": broken(
        legacy(("    label: Final\n", "    label: Final\n    max_submissions_per_day: -3\n")),
        "competition.yaml, line 16, phases.2.max_submissions_per_day: The submission limit is -3; expected 0 (unlimited) to 1000000. Write a number in this range under max_submissions_per_day.",
    ),
    "a negative time limit": broken(
        legacy(("    label: Final\n", "    label: Final\n    execution_time_limit: -3\n")),
        "competition.yaml, line 16, phases.2.execution_time_limit: The time limit is -3; expected 1 to 259200 seconds. Write the seconds that one run may take.",
    ),
    "an unknown way of the board": broken(
        legacy(
            ("    label: Final\n", "    label: Final\n    leaderboard_management_mode: secret\n")
        ),
        "competition.yaml, line 16, phases.2.leaderboard_management_mode: Found “secret”; expected default or hide_results. Write one of these words.",
    ),
    "a switch that is none": broken(
        legacy(("title: A challenge", "has_registration: often\ntitle: A challenge")),
        "competition.yaml, line 1, has_registration: Found “often”; expected true or false. Write one of the two words.",
    ),
    "no leaderboard": broken(
        legacy((PLAIN[PLAIN.index("leaderboard:\n  leaderboards") :], "")),
        "competition.yaml, leaderboard: Found nothing; expected leaderboards and columns. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "text for the leaderboard": broken(
        legacy((PLAIN[PLAIN.index("leaderboard:\n  leaderboards") :], "leaderboard: results\n")),
        "competition.yaml, line 18, leaderboard: Found “results”; expected leaderboards and columns. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "no column": broken(
        legacy(("  columns:\n    accuracy: {leaderboard: *results, label: Accuracy}\n", "")),
        "competition.yaml, line 20, leaderboard.leaderboards.RESULTS.columns: The list is empty; expected 1 to 200 entries. List at least 1 under columns.",
    ),
    "text for a column": broken(
        legacy(("Accuracy}\n", "Accuracy}\n    loss: asc\n")),
        "competition.yaml, line 24, leaderboard.columns.loss: Found “asc”; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a column of no board": broken(
        legacy(("Accuracy}\n", "Accuracy}\n    loss: {leaderboard: Other}\n")),
        "competition.yaml, line 24, leaderboard.columns.loss.leaderboard: Found “Other”; expected the label of a leaderboard. Copy the label from under leaderboards.",
    ),
    "a sorting that is none": broken(
        legacy(("Accuracy}\n", "Accuracy}\n    loss: {leaderboard: *results, sort: up}\n")),
        "competition.yaml, line 24, leaderboard.columns.loss.sort: Found “up”; expected desc or asc. Write one of these words.",
    ),
    "an operation that is none": broken(
        legacy(
            (
                "Accuracy}\n",
                "Accuracy}\n    mean: {leaderboard: *results, computed: {operation: Max, fields: accuracy}}\n",
            )
        ),
        "competition.yaml, line 24, leaderboard.columns.mean.computed.operation: Found “Max”; expected Avg or MRR. Write one of these words.",
    ),
    "a computed field that is none": broken(
        legacy(
            (
                "Accuracy}\n",
                "Accuracy}\n    mean: {leaderboard: *results, computed: {operation: Avg, fields: loss}}\n",
            )
        ),
        "competition.yaml, line 24, leaderboard.columns.mean.computed.fields: Found “loss”; expected keys of columns. Copy the keys from under columns.",
    ),
    "a computed field that is none, and weights": broken(
        legacy(
            (
                "Accuracy}\n",
                "Accuracy}\n    mean: {leaderboard: *results, computed: {operation: Avg, fields: [accuracy, loss], weights: [1, 2]}}\n",
            )
        ),
        "competition.yaml, line 24, leaderboard.columns.mean.computed.fields: Found “loss”; expected keys of columns. Copy the keys from under columns.",
    ),
    "weights that are none": broken(
        legacy(
            (
                "Accuracy}\n",
                "Accuracy}\n    mean: {leaderboard: *results, computed: {operation: Avg, fields: accuracy, weights: heavy}}\n",
            )
        ),
        "competition.yaml, line 24, leaderboard.columns.mean.computed.weights: Found “heavy”; expected numbers, one for each field. Write numbers with commas between.",
    ),
    "too many weights": broken(
        legacy(
            (
                "Accuracy}\n",
                "Accuracy}\n    mean: {leaderboard: *results, computed: {operation: Avg, fields: accuracy, weights: [1, 2]}}\n",
            )
        ),
        "competition.yaml, line 24, leaderboard.columns.mean.computed.weights: The list of weights of column 1 is 2 long; expected 1, one for each of computation_indexes. Give one for each column.",
    ),
    "a column computed from itself": broken(
        legacy(
            (
                "Accuracy}\n",
                "Accuracy}\n    mean: {leaderboard: *results, computed: {operation: Avg, fields: mean}}\n",
            )
        ),
        "competition.yaml, line 24, leaderboard.columns.mean.computed.fields: Column 1 is computed from itself; expected columns that do not depend on it. Take out the index that leads back to it.",
    ),
    "no known queue": broken(
        legacy(("title: A challenge", "queue: nosuchqueue\ntitle: A challenge")),
        "competition.yaml, line 1, queue: The queue is named as “nosuchqueue”, which does not exist or is not yours to use. Expected no queue, or the id of one that an administrator gave you. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "a key of somebody else": broken(
        legacy(("    label: Final\n", f"    label: Final\n    input_data: {THEIRS}\n")),
        "competition.yaml, line 16, phases.2.input_data: The input data of task 1 is named as “aaaaaaaa-0000-4000-8000-000000000001”, which does not exist or is not yours to use. Expected the key of a file of yours, or of a public one. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
}
