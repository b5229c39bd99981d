"""Every table of the corpus: what is broken in a zip -> everything that is said of it."""

from __future__ import annotations

from collections.abc import Mapping

from tests.bundles.corpus import (
    dates,
    evalai,
    legacy,
    meaning,
    references,
    task_zips,
    values,
    yaml,
    zips,
)
from tests.bundles.corpus.cases import Case

BUNDLES: Mapping[str, Mapping[str, Case]] = {
    "values": values.CASES,
    "dates": dates.CASES,
    "meaning": meaning.CASES,
    "references": references.CASES,
    "yaml": yaml.CASES,
    "zips": zips.CASES,
    "legacy": legacy.CASES,
    "evalai": evalai.CASES,
}
TASK_ZIPS: Mapping[str, Case] = task_zips.CASES


def names(tables: Mapping[str, Mapping[str, Case]]) -> list[tuple[str, str]]:
    """Return table and name of every case."""
    return [(family, name) for family, table in tables.items() for name in table]
