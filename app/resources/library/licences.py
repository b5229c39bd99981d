"""The licences that a file can be offered under; keys are SPDX identifiers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Licence:
    """A licence that people know by name."""

    name: str
    url: str


_CC = "https://creativecommons.org/licenses"
LICENCES: Mapping[str, Licence] = {
    "CC0-1.0": Licence("CC0 1.0", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "CC-BY-4.0": Licence("CC BY 4.0", f"{_CC}/by/4.0/"),
    "CC-BY-SA-4.0": Licence("CC BY-SA 4.0", f"{_CC}/by-sa/4.0/"),
    "CC-BY-NC-4.0": Licence("CC BY-NC 4.0", f"{_CC}/by-nc/4.0/"),
    "CC-BY-NC-SA-4.0": Licence("CC BY-NC-SA 4.0", f"{_CC}/by-nc-sa/4.0/"),
    "CC-BY-ND-4.0": Licence("CC BY-ND 4.0", f"{_CC}/by-nd/4.0/"),
    "PDDL-1.0": Licence("ODC PDDL 1.0", "https://opendatacommons.org/licenses/pddl/1-0/"),
    "ODC-By-1.0": Licence("ODC-By 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
    "ODbL-1.0": Licence("ODbL 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "MIT": Licence("MIT", "https://opensource.org/license/mit"),
    "BSD-3-Clause": Licence("BSD 3-Clause", "https://opensource.org/license/bsd-3-clause"),
    "Apache-2.0": Licence("Apache 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "GPL-3.0-or-later": Licence("GPL 3 or later", "https://www.gnu.org/licenses/gpl-3.0.html"),
}


def name_of(license_key: str) -> str:
    """Return what people read; words of an owner's own stand for themselves."""
    known = LICENCES.get(license_key)
    return known.name if known else license_key


def url_of(license_key: str) -> str:
    """Return where the text of a licence is; empty for words of an owner's own."""
    known = LICENCES.get(license_key)
    return known.url if known else ""
