"""Write the committed files that come from elsewhere: the data, the logo and the sample predictions.

For authors only, and rarely: needs scikit-learn and Pillow. ``build.py`` needs neither.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

from PIL import Image, ImageDraw
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).resolve().parent
SEED = 20260101
CULTIVARS = ("first", "second", "third")
SIZES = {"development": 36, "final": 36}
MODELS = {
    "forest": RandomForestClassifier(n_estimators=300, random_state=SEED),
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000)),
    "neighbour": KNeighborsClassifier(n_neighbors=3),
}


def main() -> None:
    """Write all files."""
    header, rows = split_data()
    write_csv(HERE / "data" / "wine.csv", [header, *rows])
    for name, model in MODELS.items():
        write_csv(HERE / "submissions" / f"{name}.csv", predictions(model, rows))
    draw_logo(HERE / "bundle" / "logo.png")


def split_data() -> tuple[list[str], list[list[str]]]:
    """Shuffle the wines, number them anew and split them."""
    source = load_wine()
    wines = list(zip(source.data, source.target, strict=True))
    random.Random(SEED).shuffle(wines)
    parts = [part for part, size in SIZES.items() for _ in range(size)]
    parts += ["train"] * (len(wines) - len(parts))
    names = [name.replace("/", "_per_") for name in source.feature_names]
    rows = [
        [f"wine-{number:03d}", part, CULTIVARS[target], *(format(one, ".10g") for one in values)]
        for number, (part, (values, target)) in enumerate(zip(parts, wines, strict=True), start=1)
    ]
    return ["wine", "split", "cultivar", *names], rows


def predictions(model: object, rows: list[list[str]]) -> list[list[str]]:
    """Train on the training wines and predict the development ones."""
    train = [row for row in rows if row[1] == "train"]
    test = [row for row in rows if row[1] == "development"]
    model.fit([list(map(float, row[3:])) for row in train], [row[2] for row in train])
    found = model.predict_proba([list(map(float, row[3:])) for row in test])
    order = [list(model.classes_).index(name) for name in CULTIVARS]
    body = [
        [row[0], *(f"{values[place]:.4f}" for place in order)]
        for row, values in zip(test, found, strict=True)
    ]
    return [["wine", *CULTIVARS], *body]


def write_csv(path: Path, rows: list[list[str]]) -> None:
    """Write rows with the line ends of Unix."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def draw_logo(path: Path) -> None:
    """Draw three glasses, four times too large, then shrink them."""
    side, factor = 512, 4
    big = side * factor
    image = Image.new("RGB", (big, big), (58, 20, 40))
    draw = ImageDraw.Draw(image)
    for place, colour in enumerate([(245, 225, 150), (240, 150, 140), (190, 40, 70)]):
        x, top = int(big * (0.22 + 0.28 * place)), int(big * 0.28)
        width, height = int(big * 0.1), int(big * 0.3)
        box = (x - width, top - height // 2, x + width, top + height)
        draw.chord(box, 0, 180, fill=colour)
        stem = int(big * 0.012)
        draw.rectangle((x - stem, top + height, x + stem, int(big * 0.76)), fill=(235, 225, 230))
        draw.ellipse(
            (x - width, int(big * 0.745), x + width, int(big * 0.785)), fill=(235, 225, 230)
        )
    small = image.resize((side, side), Image.Resampling.LANCZOS).quantize(64)
    small.save(path, "PNG", optimize=True)


if __name__ == "__main__":
    main()
