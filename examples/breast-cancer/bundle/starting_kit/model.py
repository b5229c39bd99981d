"""A first model to improve on: how much closer is a case to the average malignant one?"""

from __future__ import annotations

import math


class Model:
    """Compares distances to the two class averages, on standardised features."""

    def fit(self, rows: list[list[float]], labels: list[int]) -> None:
        """Learn from labelled cases: one list of features each; 1 is malignant, 0 benign."""
        columns = list(zip(*rows, strict=True))
        self.means = [sum(column) / len(rows) for column in columns]
        self.spreads = [
            math.sqrt(sum((x - mean) ** 2 for x in column) / len(rows)) or 1.0
            for column, mean in zip(columns, self.means, strict=True)
        ]
        self.centres = [
            self._centre([row for row, label in zip(rows, labels, strict=True) if label == kind])
            for kind in (0, 1)
        ]

    def predict(self, rows: list[list[float]]) -> list[float]:
        """Return the probability of being malignant for each case, from 0 to 1."""
        probabilities = []
        for row in rows:
            benign, malignant = (self._distance(row, centre) for centre in self.centres)
            probabilities.append(1.0 / (1.0 + math.exp(malignant - benign)))
        return probabilities

    def _centre(self, rows: list[list[float]]) -> list[float]:
        return [sum(column) / len(rows) for column in zip(*rows, strict=True)]

    def _distance(self, row: list[float], centre: list[float]) -> float:
        parts = zip(row, centre, self.spreads, strict=True)
        return math.sqrt(sum(((x - c) / spread) ** 2 for x, c, spread in parts))
