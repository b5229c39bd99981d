"""The colours of the style sheet can be read in both themes.

Source: WCAG 2.2, 1.4.3 and 1.4.11; OKLCH to linear sRGB after B. Ottosson, "A perceptual color
space for image processing" (2020).
"""

import math
import re
from itertools import product
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "static/css/tokens.css"
CSS = sorted(TOKENS.parent.glob("*.css"))
NUMBER = r"([\d.]+)"
OKLCH = rf"oklch\({NUMBER} {NUMBER} {NUMBER}\)"
COLOUR = re.compile(rf"--([\w-]+): light-dark\({OKLCH}, {OKLCH}\);")

Oklch = tuple[float, float, float]
THEMES = ("light", "dark")
SURFACES = ("paper", "surface", "sunken", "hover")
TONES = ("good", "warn", "bad", "info", "accent")
TEXT = [
    *product(("ink", "ink-quiet", "accent-strong", "bad-strong", *TONES), SURFACES),
    *product(("ink", "ink-quiet", "accent", "accent-strong"), [f"{tone}-soft" for tone in TONES]),
    *((tone, f"{tone}-soft") for tone in TONES),
    *product(("good", "bad", "warn", "info"), ("accent-soft",)),  # states in your own row
    *product(("on-accent",), ("accent", "accent-strong")),
    *product(("on-bad",), ("bad", "bad-strong")),
    ("paper", "warn"),  # search hits in a log
    ("paper", "focus"),
]
SHAPES = [*product(("edge", "focus", "bad", "accent"), ("paper", "surface", "sunken"))]


def tokens(theme: str) -> dict[str, Oklch]:
    """Read every colour of one theme; -soft, -strong and on- colours are colours too."""
    shift = 0 if theme == "light" else 3
    found = {}
    for name, *numbers in COLOUR.findall(TOKENS.read_text(encoding="utf-8")):
        lightness, chroma, hue = (float(n) for n in numbers[shift : shift + 3])
        found[name] = (lightness, chroma, hue)
    return found


def linear_rgb(colour: Oklch) -> tuple[float, float, float]:
    """Convert to linear-light sRGB; outside [0, 1] the screen cannot show the colour."""
    lightness, chroma, hue = colour
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def contrast(one: Oklch, other: Oklch) -> float:
    luminances = []
    for colour in (one, other):
        red, green, blue = (min(1.0, max(0.0, part)) for part in linear_rgb(colour))
        luminances.append(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    high, low = max(luminances), min(luminances)
    return (high + 0.05) / (low + 0.05)


def test_ratio_of_black_on_white_is_twenty_one() -> None:
    assert contrast((0, 0, 0), (1, 0, 0)) == pytest.approx(21, abs=0.01)
    # oklch(0.62796 0.25768 29.234) is #ff0000, whose ratio on white is known to be 3.998
    assert contrast((0.62796, 0.25768, 29.234), (1, 0, 0)) == pytest.approx(3.998, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
def test_text_colours_reach_four_and_a_half_to_one(theme: str) -> None:
    colours = tokens(theme)
    low = {
        f"--{text} on --{ground}": round(ratio, 2)
        for text, ground in TEXT
        if (ratio := contrast(colours[text], colours[ground])) < 4.5
    }
    assert low == {}


@pytest.mark.parametrize("theme", THEMES)
def test_borders_of_controls_and_focus_reach_three_to_one(theme: str) -> None:
    colours = tokens(theme)
    low = {
        f"--{shape} on --{ground}": round(ratio, 2)
        for shape, ground in SHAPES
        if (ratio := contrast(colours[shape], colours[ground])) < 3
    }
    assert low == {}


@pytest.mark.parametrize("theme", THEMES)
def test_every_colour_can_be_shown_by_any_screen(theme: str) -> None:
    outside = {
        name
        for name, colour in tokens(theme).items()
        if not all(-0.001 <= part <= 1.001 for part in linear_rgb(colour))
    }
    assert outside == set()


def test_every_colour_of_the_tokens_is_read_by_this_test() -> None:
    text = TOKENS.read_text(encoding="utf-8")
    assert len(tokens("light")) == text.count("light-dark(oklch(") == text.count("oklch(") / 2


def test_style_sheets_use_tokens_that_exist() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in CSS)
    defined = set(re.findall(r"^\s*--([\w-]+):", text, re.MULTILINE))
    used = set(re.findall(r"var\(--([\w-]+)", text))
    assert used - defined == set()


def test_style_sheets_use_logical_properties_only() -> None:
    physical = re.compile(
        r"^\s*((?:margin|padding|border)-(?:left|right|top|bottom)[\w-]*|left|right|top|bottom"
        r"|(?:min-|max-)?(?:width|height)|text-align: (?:left|right)|float: (?:left|right))\s*[:;]",
        re.MULTILINE,
    )
    for path in CSS:
        assert physical.findall(path.read_text(encoding="utf-8")) == [], path.name
