"""Train a submitted model on the labelled cases and let it predict the others.

Usage: ``ingest.py INPUT OUTPUT SUBMISSION``, three folders. A submission of results, which has no
``model.py``, is left to the scoring program.
"""

from __future__ import annotations

import csv
import importlib.util
import math
import sys
import time
from pathlib import Path
from types import ModuleType


class Unusable(Exception):
    """The submission cannot be used; the text tells the participant why."""


def main(data: Path, output: Path, submission: Path) -> None:
    """Run one submission on one task."""
    if not (submission / "model.py").is_file():
        if (submission / "predictions.csv").is_file():
            print("This is a submission of results: there is no model to run.")
            return
        raise Unusable("The zip has neither model.py nor predictions.csv at its top.")
    _, rows, labels = read_cases(data / "train.csv")
    cases, test_rows, _ = read_cases(data / "test.csv")
    started = time.monotonic()
    model = load(submission / "model.py").Model()
    model.fit(rows, labels)
    print(f"Trained on {len(rows)} cases with {len(rows[0])} features.")
    probabilities = [float(value) for value in model.predict(test_rows)]
    seconds = time.monotonic() - started
    if len(probabilities) != len(cases):
        raise Unusable(f"predict returned {len(probabilities)} values for {len(cases)} cases.")
    for case, value in zip(cases, probabilities, strict=True):
        if not 0.0 <= value <= 1.0:  # refuses nan, too
            raise Unusable(f"predict returned {value} for {case}; it must be from 0 to 1.")
    write(output / "predictions.csv", cases, probabilities)
    print(f"Predicted {len(cases)} cases. Training and prediction took {seconds:.2f} s.")


def read_cases(path: Path) -> tuple[list[str], list[list[float]], list[int]]:
    """Read a table.

    Returns:
        The cases, their features (one row each), and 1 (malignant) or 0 where the file tells.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        features = [name for name in reader.fieldnames or [] if name not in ("case", "malignant")]
        table = list(reader)
    rows = [[float(row[name]) for name in features] for row in table]
    if not all(math.isfinite(value) for row in rows for value in row):
        raise ValueError(f"{path.name} holds a value that is not finite")
    labels = [int(row["malignant"]) for row in table if "malignant" in row]
    return [row["case"] for row in table], rows, labels


def load(path: Path) -> ModuleType:
    """Import the submitted file, with its own folder on the path."""
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("model", path)
    if spec is None or spec.loader is None:
        raise Unusable("model.py cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not hasattr(module, "Model"):
        raise Unusable("model.py has no class named Model.")
    return module


def write(path: Path, cases: list[str], probabilities: list[float]) -> None:
    """Write what the scoring program reads."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["case", "malignant"])
        writer.writerows(zip(cases, (f"{p:.6f}" for p in probabilities), strict=True))


if __name__ == "__main__":
    try:
        main(*(Path(argument) for argument in sys.argv[1:4]))
    except Unusable as reason:
        sys.exit(str(reason))
