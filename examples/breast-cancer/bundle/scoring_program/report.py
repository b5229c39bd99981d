"""The page of detailed results: one file, nothing fetched, no single case shown."""

from __future__ import annotations

import math
from html import escape

import metrics

SIDE = 320
MARGIN = 44

STYLE = """
:root { color-scheme: light dark; --ink: #1b2a2f; --soft: #5a6b70; --line: #c9d4d6; --curve: #0b6e7f;
  --dot: #b3460f; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4eced; --soft: #9fb0b4; --line: #3b4a4e;
  --curve: #5cc4d4; --dot: #ff9d5c; --paper: #14191b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 1.25rem; max-width: 60rem; }
h1 { font-size: 1.25rem; } h2 { font-size: 1rem; margin-block: 1.5rem 0.5rem; }
.both { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; align-items: flex-start; }
table { border-collapse: collapse; } caption { text-align: start; color: var(--soft); }
th, td { padding: 0.25rem 0.75rem 0.25rem 0; border-block-end: 1px solid var(--line);
  text-align: start; font-variant-numeric: tabular-nums; }
td, th[scope=col]:not(:first-child) { text-align: end; } th { font-weight: 600; }
svg { width: 100%; max-width: 26rem; height: auto; } svg text { fill: var(--soft); font-size: 12px; }
.frame { fill: none; stroke: var(--line); } .chance { stroke: var(--soft); stroke-dasharray: 4 4; }
.curve { fill: none; stroke: var(--curve); stroke-width: 2.5; stroke-linejoin: round; }
.dot { fill: var(--dot); } p { max-width: 42rem; }
"""


def page(title: str, labels: list[int], probabilities: list[float]) -> str:
    """Return the whole HTML document."""
    malignant = sum(labels)
    benign = len(labels) - malignant
    counts = metrics.count(labels, probabilities)
    name = escape(title)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}: results</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{name}</h1>
<p>{len(labels)} cases: {malignant} malignant, {benign} benign. A case counts as called malignant when
its predicted probability is {metrics.THRESHOLD} or more.</p>
<div class="both">
<div>
{_curve(labels, probabilities, counts)}
</div>
<div>
{_measures(labels, probabilities, counts)}
{_confusion(counts)}
</div>
</div>
{_calibration(labels, probabilities)}
</body>
</html>
"""


def _curve(labels: list[int], probabilities: list[float], counts: metrics.Counts) -> str:
    area = metrics.auroc(labels, probabilities)
    points = [_place(x, y) for x, y in metrics.roc_points(labels, probabilities)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dot_x, dot_y = _place(1 - counts.specificity, counts.sensitivity)
    left, top = _place(0, 1)
    right, bottom = _place(1, 0)
    ticks = "".join(_tick(share) for share in (0.0, 0.25, 0.5, 0.75, 1.0))
    middle = MARGIN + SIDE / 2
    return f"""<svg viewBox="0 0 {SIDE + MARGIN + 16} {SIDE + MARGIN + 16}" role="img"
 aria-labelledby="roc-title roc-desc">
<title id="roc-title">ROC curve, area {area:.3f}</title>
<desc id="roc-desc">Sensitivity against one minus specificity for every threshold. At the threshold
{metrics.THRESHOLD}, sensitivity is {counts.sensitivity:.3f} and specificity {counts.specificity:.3f}.</desc>
<rect class="frame" x="{left:.0f}" y="{top:.0f}" width="{SIDE}" height="{SIDE}"/>
<line class="chance" x1="{left:.0f}" y1="{bottom:.0f}" x2="{right:.0f}" y2="{top:.0f}"/>
{ticks}
<polyline class="curve" points="{path}"/>
<circle class="dot" cx="{dot_x:.1f}" cy="{dot_y:.1f}" r="5"/>
<text x="{middle:.0f}" y="{bottom + 38:.0f}" text-anchor="middle">1 &minus; specificity</text>
<text transform="translate(12 {8 + SIDE / 2:.0f}) rotate(-90)" text-anchor="middle">Sensitivity</text>
</svg>
<p>The dot marks the threshold {metrics.THRESHOLD}; the dashed line is guessing.</p>"""


def _tick(share: float) -> str:
    x, bottom = _place(share, 0)
    left, y = _place(0, share)
    return (
        f'<text x="{x:.0f}" y="{bottom + 18:.0f}" text-anchor="middle">{share:g}</text>'
        f'<text x="{left - 6:.0f}" y="{y + 4:.0f}" text-anchor="end">{share:g}</text>'
    )


def _place(x: float, y: float) -> tuple[float, float]:
    return MARGIN + x * SIDE, 8 + (1 - y) * SIDE


def _measures(labels: list[int], probabilities: list[float], counts: metrics.Counts) -> str:
    malignant = sum(labels)
    benign = len(labels) - malignant
    area = metrics.auroc(labels, probabilities)
    rows = (
        ("AUROC", area, metrics.auroc_interval(area, malignant, benign)),
        ("Sensitivity", counts.sensitivity,
         metrics.wilson_interval(counts.true_positive, malignant)),
        ("Specificity", counts.specificity, metrics.wilson_interval(counts.true_negative, benign)),
    )  # fmt: skip
    body = "\n".join(
        f'<tr><th scope="row">{name}</th><td>{value:.3f}</td><td>{low:.3f} to {high:.3f}</td></tr>'
        for name, value, (low, high) in rows
    )
    score = metrics.brier(labels, probabilities)
    return f"""<h2>Measures</h2>
<table>
<tr><th scope="col">Measure</th><th scope="col">Value</th><th scope="col">95 % interval</th></tr>
{body}
<tr><th scope="row">Brier score</th><td>{score:.4f}</td><td></td></tr>
</table>"""


def _confusion(counts: metrics.Counts) -> str:
    return f"""<h2>Calls and diagnoses</h2>
<table>
<tr><td></td><th scope="col">Called malignant</th><th scope="col">Called benign</th></tr>
<tr><th scope="row">Malignant</th><td>{counts.true_positive}</td><td>{counts.false_negative}</td></tr>
<tr><th scope="row">Benign</th><td>{counts.false_positive}</td><td>{counts.true_negative}</td></tr>
</table>"""


def _calibration(labels: list[int], probabilities: list[float]) -> str:
    rows = metrics.calibration(labels, probabilities)
    body = "\n".join(
        f'<tr><th scope="row">{i / len(rows):.1f} to {(i + 1) / len(rows):.1f}</th>'
        f"<td>{size}</td><td>{_share(mean)}</td><td>{_share(share)}</td></tr>"
        for i, (size, mean, share) in enumerate(rows)
    )
    return f"""<h2>Calibration</h2>
<p>Of the cases given a probability in each range, how many were malignant. The last two columns agree
when probabilities mean what they say.</p>
<table>
<tr><th scope="col">Probability</th><th scope="col">Cases</th><th scope="col">Mean probability</th>
<th scope="col">Share malignant</th></tr>
{body}
</table>"""


def _share(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.3f}"
