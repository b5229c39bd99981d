"""Compare probabilities with the cultivars; write scores.txt: ``evaluate.py INPUT OUTPUT``.

INPUT has the reference data in ``ref`` and the submission in ``res``. Standard library only.
"""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

CULTIVARS = ("first", "second", "third")
LEAST = 1e-15
"""What a probability of the right cultivar counts at least."""


def main(source: Path, output: Path) -> None:
    """Score one submission."""
    truth = {row["wine"]: row["cultivar"] for row in read(source / "ref" / "truth.csv")}
    said = {row["wine"]: row for row in read(source / "res" / "predictions.csv")}
    missing = [wine for wine in truth if wine not in said]
    if missing:
        sys.exit(
            f"predictions.csv lacks {len(missing)} of {len(truth)} wines, such as {missing[0]}."
        )
    found = {wine: probabilities(said[wine]) for wine in truth}
    scores = {
        "accuracy": accuracy(truth, found),
        "f1": macro_f1(truth, found),
        "log_loss": log_loss(truth, found),
    }
    lines = [f"{key}: {value:.10f}\n" for key, value in scores.items()]
    (output / "scores.txt").write_text("".join(lines), encoding="utf-8")


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    if not path.is_file():
        sys.exit(f"{path.name} is missing; it must be at the top of the zip.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def probabilities(row: dict[str, str]) -> dict[str, float]:
    """Return three probabilities with a sum of 1."""
    try:
        values = [float(row[name]) for name in CULTIVARS]
    except (KeyError, TypeError, ValueError):
        sys.exit(f"Wine {row.get('wine')} lacks a number in {', '.join(CULTIVARS)}.")
    if not all(math.isfinite(value) and value >= 0 for value in values) or sum(values) <= 0:
        sys.exit(f"Wine {row.get('wine')} needs numbers from 0 on, and one above 0.")
    return {name: value / sum(values) for name, value in zip(CULTIVARS, values, strict=True)}


def likeliest(found: dict[str, float]) -> str:
    """Return the most probable cultivar; of equals the first."""
    return max(CULTIVARS, key=lambda name: found[name])


def accuracy(truth: dict[str, str], found: dict[str, dict[str, float]]) -> float:
    """Return the share of right answers."""
    return sum(likeliest(found[wine]) == right for wine, right in truth.items()) / len(truth)


def macro_f1(truth: dict[str, str], found: dict[str, dict[str, float]]) -> float:
    """Return the mean of the F1 scores of the cultivars; one that nobody names or has counts 0."""
    total = 0.0
    for name in CULTIVARS:
        pairs = [(likeliest(found[wine]) == name, right == name) for wine, right in truth.items()]
        hits = sum(said and is_so for said, is_so in pairs)
        named = sum(said for said, _ in pairs) + sum(is_so for _, is_so in pairs)
        total += 2 * hits / named if named else 0.0
    return total / len(CULTIVARS)


def log_loss(truth: dict[str, str], found: dict[str, dict[str, float]]) -> float:
    """Return the mean negative logarithm of the probability of the right cultivar."""
    losses = [-math.log(max(LEAST, found[wine][right])) for wine, right in truth.items()]
    return sum(losses) / len(losses)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
