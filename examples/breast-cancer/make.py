"""Write the committed files that come from elsewhere: the data, the logo and the sample predictions.

For authors only, and rarely: needs scikit-learn and Pillow. ``build.py`` needs neither.
"""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier

HERE = Path(__file__).resolve().parent
SEED = 20260101
SHARES = (("train", 0.50), ("development", 0.25), ("final", 0.25))
MEAN_FEATURES = 10
"""The first ten of the thirty columns are means over a sample's nuclei."""


def main() -> None:
    """Write all files."""
    header, rows = split_data()
    write_csv(HERE / "data" / "wdbc.csv", [header, *rows])
    write_csv(HERE / "submissions" / "result" / "predictions.csv", sample_predictions(rows))
    draw_logo(HERE / "bundle" / "logo.png")


def split_data() -> tuple[list[str], list[list[str]]]:
    """Shuffle the cases, split each class by the same shares and number the cases anew."""
    source = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in source.feature_names]
    rng = random.Random(SEED)
    chosen: list[tuple[str, int, list[float]]] = []
    for label in (0, 1):  # 0 is malignant in the source
        rows = [
            row for row, target in zip(source.data, source.target, strict=True) if target == label
        ]
        rng.shuffle(rows)
        done = 0
        for part, share in SHARES:
            size = len(rows) - done if part == "final" else int(len(rows) * share)
            chosen += [(part, 1 - label, list(row)) for row in rows[done : done + size]]
            done += size
    rng.shuffle(chosen)
    body = [
        [f"case-{number:03d}", part, str(malignant), *(format(value, ".10g") for value in values)]
        for number, (part, malignant, values) in enumerate(chosen, start=1)
    ]
    return ["case", "split", "malignant", *names], body


def sample_predictions(rows: list[list[str]]) -> list[list[str]]:
    """Predict the development cases with two random forests, one for each task."""
    train = [row for row in rows if row[1] == "train"]
    test = [row for row in rows if row[1] == "development"]
    labels = [int(row[2]) for row in train]
    columns = []
    for last in (len(rows[0]), 3 + MEAN_FEATURES):
        forest = RandomForestClassifier(n_estimators=400, min_samples_leaf=2, random_state=SEED)
        forest.fit([[float(x) for x in row[3:last]] for row in train], labels)
        columns.append(
            forest.predict_proba([[float(x) for x in row[3:last]] for row in test])[:, 1]
        )
    body = [
        [row[0], f"{every:.4f}", f"{mean:.4f}"]
        for row, every, mean in zip(test, *columns, strict=True)
    ]
    return [["case", "all", "mean"], *body]


def write_csv(path: Path, rows: list[list[str]]) -> None:
    """Write rows with the line ends of Unix."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def draw_logo(path: Path) -> None:
    """Draw cell nuclei under a ROC curve, four times too large, then shrink it."""
    side, factor = 512, 4
    big = side * factor
    image = Image.new("RGB", (big, big), (18, 62, 74))
    draw = ImageDraw.Draw(image)
    rng = random.Random(SEED)
    placed: list[tuple[float, float, float]] = []
    while len(placed) < 26:
        x, y, radius = rng.uniform(0, big), rng.uniform(0, big), rng.uniform(0.045, 0.1) * big
        if all(math.dist((x, y), (u, v)) > radius + r + 0.012 * big for u, v, r in placed):
            placed.append((x, y, radius))
    for x, y, radius in placed:
        stretch = rng.uniform(0.85, 1.15)
        box = (x - radius, y - radius * stretch, x + radius, y + radius * stretch)
        draw.ellipse(box, fill=(29, 86, 99))
        core = radius * rng.uniform(0.35, 0.6)
        draw.ellipse(
            (x - core, y - core * stretch, x + core, y + core * stretch), fill=(53, 118, 130)
        )
    low, high = 0.16 * big, 0.84 * big
    axis = ((low, low), (low, high), (high, high))
    draw.line(axis, fill=(214, 232, 232), width=big // 64, joint="curve")
    curve = []
    for step in range(2001):
        x = step / 2000
        y = 1 - (1 - x) ** 6
        curve.append((low + x * (high - low), high - y * (high - low) * 0.97))
    pen = big // 56
    for x, y in curve:
        draw.ellipse((x - pen, y - pen, x + pen, y + pen), fill=(255, 184, 77))
    small = image.resize((side, side), Image.Resampling.LANCZOS).quantize(64)
    small.save(path, "PNG", optimize=True)


if __name__ == "__main__":
    main()
