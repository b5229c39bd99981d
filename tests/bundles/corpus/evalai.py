"""Broken challenges of EvalAI."""

from __future__ import annotations

from tests.bundles.corpus.cases import Case, broken, challenge
from tests.bundles.evalai import challenges

CASES: dict[str, Case] = {
    "no title": broken(
        challenge(("title: Retinal scans\n", "")),
        "challenge_config.yaml, title: The title is empty; expected 1 to 256 characters. Give it under title.",
    ),
    "no script": broken(
        challenge(("evaluation_script: evaluation_script.zip\n", "")),
        "challenge_config.yaml, evaluation_script: The scoring program of phase 1 is nothing; expected a file, a folder or the key of a stored program. Name the program that computes the scores under evaluation_script.",
        "challenge_config.yaml, evaluation_script: The scoring program of phase 2 is nothing; expected a file, a folder or the key of a stored program. Name the program that computes the scores under evaluation_script.",
    ),
    "a script that is not there": broken(
        challenge(without="evaluation_script.zip"),
        "challenge_config.yaml, line 8, evaluation_script: Found “evaluation_script.zip”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a script that is no zip": broken(
        challenge(evaluation_script__zip=b"def evaluate(): pass"),
        "challenge_config.yaml, line 8, evaluation_script: Found “evaluation_script.zip”, which is not a zip file; expected a zip file or a folder. Zip it, or put it into a folder and name the folder.",
    ),
    "a damaged script": broken(
        challenge(evaluation_script__zip=b"PK\x03\x04 and then nothing"),
        "bundle.zip, evaluation_script.zip: evaluation_script.zip: The file is not a zip file, or its end is missing. Zip the files, and upload the whole zip.",
    ),
    "a page that is not there": broken(
        challenge(without="templates/evaluation.html"),
        "challenge_config.yaml, line 4, evaluation_details: Found “templates/evaluation.html”, which is not in the zip; expected a file of the zip. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "terms that are not there": broken(
        challenge(without="templates/terms.html"),
        "challenge_config.yaml, line 5, terms_and_conditions: Found “templates/terms.html”, which is not in the zip; expected a file of the zip. Is “templates/dev.html” meant?",
    ),
    "annotations that are not there": broken(
        challenge(without="annotations/test.json"),
        "challenge_config.yaml, line 48, challenge_phases[1].test_annotation_file: Found “annotations/test.json”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Is “annotations/dev.json” meant?",
    ),
    "text for phases": broken(
        challenge(
            (
                challenges.CONFIG[
                    challenges.CONFIG.index("challenge_phases:") : challenges.CONFIG.index(
                        "dataset_splits:"
                    )
                ],
                "challenge_phases: two\n",
            )
        ),
        "challenge_config.yaml, line 25, challenge_phases: Found “two”; expected a list of phases. Write each item after a dash.",
    ),
    "no phases": broken(
        challenge(
            (
                challenges.CONFIG[
                    challenges.CONFIG.index("challenge_phases:") : challenges.CONFIG.index(
                        "dataset_splits:"
                    )
                ],
                "",
            )
        ),
        "challenge_config.yaml, challenge_phases: The list is empty; expected 1 to 50 entries. List at least 1 under challenge_phases.",
    ),
    "a phase without a start": broken(
        challenge(("  start_date: 2026-05-01 00:00:00\n", "")),
        "challenge_config.yaml, line 42, challenge_phases[1].start_date: Found nothing; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "a start that is none": broken(
        challenge(("2026-05-01 00:00:00", "next year")),
        "challenge_config.yaml, line 46, challenge_phases[1].start_date: Found “next year”; expected a date and time such as 2026-03-01 09:00. Write year, month, day and the time, which is UTC unless an offset follows.",
    ),
    "an end before the start": broken(
        challenge(("2030-12-01 00:00:00", "2026-04-01 00:00:00")),
        "challenge_config.yaml, line 47, challenge_phases[1].end_date: The end of phase 2 is 2026-04-01 00:00 UTC; expected a time after its start, 2026-05-01 00:00 UTC. Move the end, or the start.",
    ),
    "a limit that is none": broken(
        challenge(("max_submissions_per_day: 5", "max_submissions_per_day: some")),
        "challenge_config.yaml, line 35, challenge_phases[0].max_submissions_per_day: Found “some”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a negative limit": broken(
        challenge(("max_submissions_per_day: 5", "max_submissions_per_day: -5")),
        "challenge_config.yaml, line 35, challenge_phases[0].max_submissions_per_day: The submission limit is -5; expected 0 (unlimited) to 1000000. Write a number in this range under max_submissions_per_day.",
    ),
    "a switch that is none": broken(
        challenge(("leaderboard_public: false", "leaderboard_public: later")),
        "challenge_config.yaml, line 49, challenge_phases[1].leaderboard_public: Found “later”; expected true or false. Write one of the two words.",
    ),
    "no leaderboard": broken(
        challenge(
            (
                challenges.CONFIG[
                    challenges.CONFIG.index("leaderboard:") : challenges.CONFIG.index(
                        "challenge_phases:"
                    )
                ],
                "",
            )
        ),
        "challenge_config.yaml, line 49, challenge_phase_splits[0].leaderboard_id: Found “1”; expected the id of one of these: none is there. Copy the id from there.",
        "challenge_config.yaml, line 55, challenge_phase_splits[1].leaderboard_id: Found “1”; expected the id of one of these: none is there. Copy the id from there.",
        "challenge_config.yaml, line 61, challenge_phase_splits[2].leaderboard_id: Found “1”; expected the id of one of these: none is there. Copy the id from there.",
    ),
    "text for labels": broken(
        challenge(("labels: [Accuracy, Loss]", "labels: Accuracy")),
        "challenge_config.yaml, line 21, leaderboard[0].schema.labels: Found “Accuracy”; expected a list of labels. Write each item after a dash.",
        "challenge_config.yaml, line 55, challenge_phase_splits: The list is empty; expected 1 to 50 entries. List at least 1 under challenge_phase_splits.",
    ),
    "a split of no leaderboard": broken(
        challenge(("leaderboard_id: 1", "leaderboard_id: 7")),
        "challenge_config.yaml, line 56, challenge_phase_splits[0].leaderboard_id: Found “7”; expected the id of one of these: 1. Copy the id from there.",
    ),
    "a split of no data": broken(
        challenge(("dataset_split_id: 2", "dataset_split_id: 9")),
        "challenge_config.yaml, line 69, challenge_phase_splits[2].dataset_split_id: Found “9”; expected the id of one of these: 1, 2. Copy the id from there.",
    ),
    "too many decimals": broken(
        challenge(("leaderboard_decimal_precision: 3", "leaderboard_decimal_precision: 30")),
        "challenge_config.yaml, line 59, challenge_phase_splits[0].leaderboard_decimal_precision: The precision is 30; expected 0 to 10 decimals. Write how many decimals are shown.",
    ),
    "a visibility that is none": broken(
        challenge(("visibility: 1", "visibility: hidden")),
        "challenge_config.yaml, line 70, challenge_phase_splits[2].visibility: Found “hidden”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a prize of no rank": broken(
        challenge(("rank: 1, amount", "rank: first, amount")),
        "challenge_config.yaml, line 17, prizes[0].rank: Found “first”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a list for an image name": broken(
        challenge(("remote_evaluation: false", "worker_image_url: [python]")),
        "challenge_config.yaml, line 9, worker_image_url: Found a list of 1; expected text. Write one line of text, in quotes where YAML would read something else.",
    ),
    "text for attributes": broken(
        challenge(
            (
                "submission_meta_attributes:\n  - {name: Approach, description: How, type: text, required: true}\n  - {name: Kind, description: Which, type: radio, options: [Trees, Nets]}\n",
                "submission_meta_attributes: Approach\n",
            )
        ),
        "challenge_config.yaml, line 39, challenge_phases[0].submission_meta_attributes: Found “Approach”; expected a list of attributes. Write each item after a dash.",
    ),
}
