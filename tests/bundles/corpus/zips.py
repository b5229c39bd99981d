"""Zips that must not be opened, or that hold no bundle."""

from __future__ import annotations

import stat
import zipfile

from tests.bundles.bundle_factories import make_files
from tests.bundles.corpus.cases import (
    LARGE,
    PROGRAM,
    Case,
    bomb,
    broken,
    bundle,
    checksums,
    damaged,
    encrypted,
    link,
    overlapping,
    task_zip,
    vast,
    with_entry,
    zipped,
)

CASES: dict[str, Case] = {
    "no zip": broken(
        b"hello",
        "bundle.zip: The file is not a zip file, or its end is missing. Zip the files, and upload the whole zip.",
    ),
    "a zip cut short": broken(
        bundle()[:-30],
        "bundle.zip: The zip file is cut short, or something was put before it. Zip the files again.",
    ),
    "a zip cut at its beginning": broken(
        bundle()[200:],
        "bundle.zip: The zip file is cut short, or something was put before it. Zip the files again.",
    ),
    "no manifest": broken(
        zipped({"readme.txt": b"1", "data.csv": b"1"}),
        "competition.yaml: competition.yaml is not at the top of the zip; found 2 other files. Move it there and zip again.",
    ),
    "a manifest in a folder beside others": broken(
        zipped({"readme.txt": b"1", "mine/competition.yaml": b"version: 2"}),
        "competition.yaml: competition.yaml is not at the top of the zip; found only mine/competition.yaml. Move it there and zip again.",
    ),
    "two manifests": broken(
        with_entry("competition.yml", b"version: 2"),
        "competition.yml: competition.yaml and competition.yml are both in the zip, and each could be meant. Take out the one that is not meant.",
    ),
    "a task zip": broken(
        task_zip(),
        "competition.yaml: competition.yaml is not at the top of the zip; found 3 other files. Move it there and zip again.",
    ),
    "a name that leads out": broken(
        with_entry("../evil.sh"),
        "bundle.zip, ../evil.sh: The name '../evil.sh' leads out of the archive. Rename it and zip again.",
    ),
    "a name that leads out backwards": broken(
        with_entry("..\\evil.sh"),
        "bundle.zip, ..\\evil.sh: The name '..\\\\evil.sh' leads out of the archive. Rename it and zip again.",
    ),
    "an absolute name": broken(
        with_entry("/etc/cron.d/evil"),
        "bundle.zip, /etc/cron.d/evil: The name '/etc/cron.d/evil' is absolute. Rename it and zip again.",
    ),
    "a name of a drive": broken(
        with_entry("C:/evil.bat"),
        "bundle.zip, C:/evil.bat: The name 'C:/evil.bat' is absolute. Rename it and zip again.",
    ),
    "a name with a control character": broken(
        with_entry("a\nb.txt"),
        "bundle.zip, a�b.txt: The name 'a\\nb.txt' has a control character. Rename it and zip again.",
    ),
    "a name that is too long": broken(
        with_entry("x" * 300),
        "bundle.zip, xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx: The name 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…' has 300 characters; the limit is 200. Rename it and zip again.",
    ),
    "a name twice": broken(
        with_entry("twice.txt", twice=True),
        "bundle.zip, twice.txt: The file twice.txt is in the zip twice. Keep one.",
    ),
    "names that differ in case": broken(
        with_entry("Logo.PNG"),
        "bundle.zip, Logo.PNG: The file logo.png is in the zip as logo.png and as Logo.PNG. Keep one.",
    ),
    "a file that is a folder too": broken(
        with_entry("scoring", b"1"),
        "bundle.zip, scoring: The name scoring is both a file and a folder. Rename one of them.",
    ),
    "a symbolic link": broken(
        link("passwd", "/etc/passwd"),
        "bundle.zip, passwd: passwd is a symbolic link. Replace it by the file itself.",
    ),
    "a device": broken(
        with_entry("null", mode=stat.S_IFCHR),
        "bundle.zip, null: null is not a regular file. Replace it by the file itself.",
    ),
    "an encrypted file": broken(
        encrypted(), "bundle.zip, terms.md: terms.md is encrypted. Zip it without a password."
    ),
    "another compression": broken(
        with_entry("a.txt", b"1" * 100, method=zipfile.ZIP_BZIP2),
        "bundle.zip, a.txt: a.txt is compressed by method 12. Use Deflate, the usual one.",
    ),
    "a file that grows a thousandfold": broken(
        bomb(),
        "bundle.zip, zeros.bin: zeros.bin would grow 1028-fold to 4194304 bytes when unpacked; the limit is 200-fold. Store it in the zip without compression.",
    ),
    "files that share their bytes": broken(
        overlapping(), "bundle.zip: Entries of the zip overlap. Zip the files again."
    ),
    "more than fits": broken(
        vast(),
        "bundle.zip: The zip would unpack to 25769804376 bytes; the limit is 21474836480. Pack less, or upload the data by itself and name it by its key.",
        "bundle.zip: Entries of the zip overlap. Zip the files again.",
    ),
    "a damaged manifest": broken(
        damaged(zipped(make_files(b"version: 2 # end")), b"version: 2 # end"),
        "competition.yaml: The file competition.yaml in the zip is damaged: Bad CRC-32 for file 'competition.yaml'. Zip the files again.",
    ),
    "a damaged page": broken(
        damaged(bundle(overview__md=b"# Hello there"), b"# Hello there"),
        "competition.yaml, line 7, pages[0].file: Found “overview.md”, which cannot be used: The file overview.md in the zip is damaged: Bad CRC-32 for file 'overview.md'; expected text in UTF-8 of at most 65536 bytes. Zip the files again.",
    ),
    "a damaged program": broken(
        damaged(bundle(("scoring/", "program.zip"), program__zip=PROGRAM), PROGRAM),
        "bundle.zip, program.zip: The file program.zip in the zip is damaged: Bad CRC-32 for file 'program.zip'. Zip the files again.",
    ),
    "a damaged file after sound ones": broken(
        damaged(
            bundle(
                (
                    "  scoring_program: scoring/\n",
                    "  scoring_program: scoring/\n  reference_data: late.zip\n",
                ),
                late__zip=LARGE,
            ),
            LARGE,
        ),
        "bundle.zip, late.zip: The file late.zip in the zip is damaged: Bad CRC-32 for file 'late.zip'. Zip the files again.",
    ),
    "a changed file of a dump": broken(
        zipped(make_files() | {"manifest.json": checksums({"terms.md": b"other"})}),
        "terms.md: “terms.md” is not what manifest.json says: it was damaged or changed. If it was changed on purpose, take manifest.json out of the zip; the rest is then an ordinary bundle.",
    ),
    "a lost file of a dump": broken(
        zipped(make_files() | {"manifest.json": checksums({"gone.md": b"1"})}),
        "gone.md: “gone.md” is listed in manifest.json and not in the zip. If it was changed on purpose, take manifest.json out of the zip; the rest is then an ordinary bundle.",
    ),
    "checksums of another format": broken(
        zipped(make_files() | {"manifest.json": checksums({}, version=9)}),
        "manifest.json: manifest.json cannot be read. It says format version 9. If it was changed on purpose, take manifest.json out of the zip; the rest is then an ordinary bundle.",
    ),
}
