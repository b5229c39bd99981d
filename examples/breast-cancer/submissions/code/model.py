"""Logistic regression by gradient descent, in plain Python: the sample code submission."""

from __future__ import annotations

import math

STEPS = 300
RATE = 0.5
MOMENTUM = 0.9
PENALTY = 0.01


class Model:
    """The probability that a case is malignant, from a weighted sum of its standardised features."""

    def __init__(self) -> None:
        self.means: list[float] = []
        self.spreads: list[float] = []
        self.weights: list[float] = []
        self.bias = 0.0

    def fit(self, rows: list[list[float]], labels: list[int]) -> None:
        """Learn from labelled cases.

        Args:
            rows: one list of features for each case.
            labels: 1 malignant, 0 benign.
        """
        columns = list(zip(*rows, strict=True))
        self.means = [math.fsum(column) / len(rows) for column in columns]
        self.spreads = [
            math.sqrt(math.fsum((x - mean) ** 2 for x in column) / len(rows)) or 1.0
            for column, mean in zip(columns, self.means, strict=True)
        ]
        cases = [self._standardised(row) for row in rows]
        self.weights = [0.0] * len(columns)
        speeds = [0.0] * (len(columns) + 1)
        for step in range(1, STEPS + 1):
            slopes = self._slopes(cases, labels)
            speeds = [MOMENTUM * v - RATE * g for v, g in zip(speeds, slopes, strict=True)]
            self.weights = [w + v for w, v in zip(self.weights, speeds[:-1], strict=True)]
            self.bias += speeds[-1]
            if step % 100 == 0:
                print(f"  step {step}: loss {self._loss(cases, labels):.4f}", flush=True)

    def predict(self, rows: list[list[float]]) -> list[float]:
        """Return the probability of being malignant for each case."""
        return [self._probability(self._standardised(row)) for row in rows]

    def _standardised(self, row: list[float]) -> list[float]:
        return [
            (x - mean) / spread
            for x, mean, spread in zip(row, self.means, self.spreads, strict=True)
        ]

    def _probability(self, case: list[float]) -> float:
        total = self.bias + sum(w * x for w, x in zip(self.weights, case, strict=True))
        return 1.0 / (1.0 + math.exp(-max(-30.0, min(30.0, total))))

    def _slopes(self, cases: list[list[float]], labels: list[int]) -> list[float]:
        """Return the gradient of the penalised loss: one for each weight, then for the bias."""
        slopes = [PENALTY * weight for weight in self.weights]
        for_bias = 0.0
        for case, label in zip(cases, labels, strict=True):
            error = (self._probability(case) - label) / len(cases)
            for_bias += error
            for j, x in enumerate(case):
                slopes[j] += error * x
        return [*slopes, for_bias]

    def _loss(self, cases: list[list[float]], labels: list[int]) -> float:
        terms = []
        for case, label in zip(cases, labels, strict=True):
            p = self._probability(case)
            terms.append(-math.log(p if label else 1.0 - p))
        return math.fsum(terms) / len(terms)
