"""Test model.py at home by five-fold cross-validation: ``python try_it.py train.csv``."""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

from model import Model

FOLDS = 5


def main(path: Path) -> None:
    """Print the AUROC of each fold and their mean."""
    with path.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    random.Random(0).shuffle(table)
    features = [name for name in table[0] if name not in ("case", "malignant")]
    rows = [[float(row[name]) for name in features] for row in table]
    labels = [int(row["malignant"]) for row in table]
    areas = []
    for fold in range(FOLDS):
        inside = [i for i in range(len(rows)) if i % FOLDS != fold]
        outside = [i for i in range(len(rows)) if i % FOLDS == fold]
        model = Model()
        model.fit([rows[i] for i in inside], [labels[i] for i in inside])
        predicted = model.predict([rows[i] for i in outside])
        areas.append(auroc([labels[i] for i in outside], predicted))
        print(f"fold {fold + 1}: AUROC {areas[-1]:.3f}")
    print(f"mean:   AUROC {sum(areas) / FOLDS:.3f}")


def auroc(labels: list[int], probabilities: list[float]) -> float:
    """Return the share of malignant and benign pairs in the right order; a tie counts half."""
    pairs = list(zip(labels, probabilities, strict=True))
    malignant = [p for label, p in pairs if label]
    benign = [p for label, p in pairs if not label]
    wins = sum((m > b) + (m == b) / 2 for m in malignant for b in benign)
    return wins / (len(malignant) * len(benign))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
