"""Compare predicted probabilities with the diagnoses; write scores.json and a page of results.

Usage: ``score.py REFERENCE PREDICTIONS OUTPUT``, three folders.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import metrics
import report

MAX_BYTES = 5_000_000


class Unusable(Exception):
    """The predictions cannot be scored; the text tells the participant why."""


def main(reference: Path, predictions: Path, output: Path) -> None:
    """Score one task."""
    task = json.loads((reference / "task.json").read_text(encoding="utf-8"))
    truth = read_truth(reference / "truth.csv")
    found = read_predictions(predictions / "predictions.csv", task["column"])
    cases = list(truth)
    missing = [case for case in cases if case not in found]
    if missing:
        raise Unusable(
            f"predictions.csv lacks {len(missing)} of {len(cases)} cases; the first is {missing[0]}."
        )
    labels = [truth[case] for case in cases]
    probabilities = [found[case] for case in cases]
    counts = metrics.count(labels, probabilities)
    scores = {
        "auroc": metrics.auroc(labels, probabilities),
        "sensitivity": counts.sensitivity,
        "specificity": counts.specificity,
        "brier": metrics.brier(labels, probabilities),
        "duration": duration(predictions / "metadata"),
    }
    (output / "scores.json").write_text(json.dumps(scores), encoding="utf-8")
    page = report.page(task["title"], labels, probabilities)
    (output / "detailed_results.html").write_text(page, encoding="utf-8")
    print(f"Scored {len(cases)} cases of the task “{task['title']}”.")
    for name, value in scores.items():
        print(f"  {name:12} {value:.4f}")


def read_truth(path: Path) -> dict[str, int]:
    """Read the diagnoses: case to 1 (malignant) or 0 (benign)."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["case"]: int(row["malignant"]) for row in csv.DictReader(file)}


def read_predictions(path: Path, column: str) -> dict[str, float]:
    """Read the probabilities of one task.

    Args:
        column: the task's own column; the column ``malignant`` serves any task that has none.

    Raises:
        Unusable: the file is missing, is not such a table, or has a value that is no probability.
    """
    if not path.is_file():
        raise Unusable("predictions.csv is missing. It belongs at the top of the zip.")
    if path.stat().st_size > MAX_BYTES:
        raise Unusable(f"predictions.csv has more than {MAX_BYTES} bytes.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise Unusable("predictions.csv is not UTF-8 text.") from None
    reader = csv.DictReader(lines)
    header = reader.fieldnames or []
    name = column if column in header else "malignant"
    if "case" not in header or name not in header:
        raise Unusable(
            f"predictions.csv needs the columns “case” and “{column}” (or “malignant”); "
            f"found {', '.join(str(part) for part in header[:8]) or 'none'}."
        )
    found: dict[str, float] = {}
    for row in reader:
        case = (row["case"] or "").strip()
        if case in found:
            raise Unusable(f"predictions.csv has the case {case} twice (line {reader.line_num}).")
        found[case] = probability(row[name], reader.line_num)
    return found


def probability(text: str | None, line: int) -> float:
    """Read a number from 0 to 1."""
    try:
        value = float(text or "")
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 1.0:  # refuses nan, too
        raise Unusable(f"predictions.csv, line {line}: “{text}” is not a number from 0 to 1.")
    return value


def duration(path: Path) -> float:
    """Return the seconds the ingestion program took, as the platform measured them; 0 if unknown."""
    seconds = {"ingestionElapsedTime": 0.0, "elapsedTime": 0.0}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in seconds:
                try:
                    seconds[key.strip()] = float(value)
                except ValueError:
                    continue  # "null": this part did not run
    return seconds["ingestionElapsedTime"] or seconds["elapsedTime"]


if __name__ == "__main__":
    try:
        main(*(Path(argument) for argument in sys.argv[1:4]))
    except Unusable as reason:
        # The platform shows the participant this file, and says that the failure is theirs.
        (Path(sys.argv[3]) / "submission_error.txt").write_text(str(reason), encoding="utf-8")
        sys.exit(str(reason))
