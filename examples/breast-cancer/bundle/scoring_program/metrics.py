"""Measures of a binary classifier, in plain Python: probabilities in, numbers out."""

from __future__ import annotations

import math
from dataclasses import dataclass

THRESHOLD = 0.5
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Counts:
    """Cases by what they are and what was called, at the threshold."""

    true_positive: int
    false_negative: int
    true_negative: int
    false_positive: int

    @property
    def sensitivity(self) -> float:
        """Share of the malignant cases that were called malignant."""
        return self.true_positive / (self.true_positive + self.false_negative)

    @property
    def specificity(self) -> float:
        """Share of the benign cases that were called benign."""
        return self.true_negative / (self.true_negative + self.false_positive)


def count(labels: list[int], probabilities: list[float], threshold: float = THRESHOLD) -> Counts:
    """Call every case at or above the threshold malignant, and count.

    Args:
        labels: 1 malignant, 0 benign; both occur.
        probabilities: of being malignant, in the same order.
    """
    called = [p >= threshold for p in probabilities]
    pairs = list(zip(labels, called, strict=True))
    return Counts(pairs.count((1, True)), pairs.count((1, False)),
                  pairs.count((0, False)), pairs.count((0, True)))  # fmt: skip


def auroc(labels: list[int], probabilities: list[float]) -> float:
    """Return the area under the ROC curve; equal probabilities count half.

    Source: J. A. Hanley and B. J. McNeil, Radiology 143 (1982), pp. 29-36.
    """
    malignant = sum(labels)
    benign = len(labels) - malignant
    order = sorted(range(len(labels)), key=lambda i: probabilities[i])
    rank_sum, start = 0.0, 0
    while start < len(order):
        end = start
        while end < len(order) and probabilities[order[end]] == probabilities[order[start]]:
            end += 1
        mean_rank = (start + 1 + end) / 2
        rank_sum += mean_rank * sum(labels[i] for i in order[start:end])
        start = end
    return (rank_sum - malignant * (malignant + 1) / 2) / (malignant * benign)


def auroc_interval(area: float, malignant: int, benign: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of an AUROC, within [0, 1].

    Source: Hanley and McNeil, as above, formulas 1 and 2.
    """
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = area * (1 - area) + (malignant - 1) * (q1 - area**2) + (benign - 1) * (q2 - area**2)
    error = math.sqrt(max(spread, 0.0) / (malignant * benign))
    return max(0.0, area - Z_95 * error), min(1.0, area + Z_95 * error)


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a proportion.

    Source: E. B. Wilson, JASA 22 (1927), pp. 209-212.
    """
    share, z2 = hits / trials, Z_95 * Z_95
    middle = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z_95 / (1 + z2 / trials) * math.sqrt(
        share * (1 - share) / trials + z2 / (4 * trials * trials)
    )  # fmt: skip
    return max(0.0, middle - half), min(1.0, middle + half)


def brier(labels: list[int], probabilities: list[float]) -> float:
    """Return the mean squared difference between probability and outcome; 0 is best.

    Source: G. W. Brier, Monthly Weather Review 78 (1950), pp. 1-3.
    """
    squares = [(p - label) ** 2 for p, label in zip(probabilities, labels, strict=True)]
    return math.fsum(squares) / len(squares)


def roc_points(labels: list[int], probabilities: list[float]) -> list[tuple[float, float]]:
    """Return the ROC curve as (false positive rate, true positive rate), from (0, 0) to (1, 1)."""
    malignant = sum(labels)
    benign = len(labels) - malignant
    found, alarms = 0, 0
    points = [(0.0, 0.0)]
    pairs = sorted(zip(probabilities, labels, strict=True), reverse=True)
    for position, (probability, label) in enumerate(pairs):
        found += label
        alarms += 1 - label
        if position + 1 == len(pairs) or pairs[position + 1][0] != probability:
            points.append((alarms / benign, found / malignant))
    return points


def calibration(
    labels: list[int], probabilities: list[float], bins: int = 5
) -> list[tuple[int, float, float]]:
    """Return per bin of probability: cases, mean probability, share that is malignant.

    Empty bins have (0, nan, nan).
    """
    rows = []
    for number in range(bins):
        inside = [
            (p, label)
            for p, label in zip(probabilities, labels, strict=True)
            if min(int(p * bins), bins - 1) == number
        ]
        size = len(inside)
        mean = math.fsum(p for p, _ in inside) / size if size else math.nan
        share = sum(label for _, label in inside) / size if size else math.nan
        rows.append((size, mean, share))
    return rows
