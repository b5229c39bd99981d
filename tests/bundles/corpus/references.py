"""Files and keys that are named and cannot be had."""

from __future__ import annotations

from tests.bundles.corpus.cases import MINE, NOBODYS, THEIRS, Case, broken, bundle, phase, task, top

CASES: dict[str, Case] = {
    "a page that is not there": broken(
        bundle(("overview.md", "overwiev.md")),
        "competition.yaml, line 7, pages[0].file: Found “overwiev.md”, which is not in the zip; expected a file of the zip. Is “overview.md” meant?",
    ),
    "a page of no name": broken(
        bundle(("  file: overview.md\n", "")),
        "competition.yaml, line 6, pages[0].file: Found nothing; expected the path of a Markdown or HTML file in the zip. Name the file under file.",
    ),
    "a page in other letters": broken(
        bundle(("terms.md", "Terms.md")),
        "competition.yaml, line 4, terms: Found “Terms.md”, which is not in the zip; expected a file of the zip. Is “terms.md” meant?",
    ),
    "a page that is a folder": broken(
        bundle(("overview.md", "scoring")),
        "competition.yaml, line 7, pages[0].file: Found “scoring”, which is not in the zip; expected a file of the zip. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a page without text": broken(
        bundle(overview__md=b"\n"),
        "competition.yaml, line 7, pages[0].file: Page 1 is no text; expected a page with text. Write the file, or take the page out of the list.",
    ),
    "a page of another encoding": broken(
        bundle(terms__md="Höflich".encode("latin-1")),
        "competition.yaml, line 4, terms: Found “terms.md”, which cannot be used: The text is not UTF-8 in line 1; it looks like Windows-1252 or Latin-1; expected text in UTF-8 of at most 65536 bytes. Save it as UTF-8.",
    ),
    "a page in UTF-16": broken(
        bundle(terms__md="Höflich".encode("utf-16")),
        "competition.yaml, line 4, terms: Found “terms.md”, which cannot be used: The text is encoded as UTF-16; expected text in UTF-8 of at most 65536 bytes. Save it as UTF-8.",
    ),
    "a page that is too long": broken(
        bundle(overview__md=b"x" * 65_537),
        "competition.yaml, line 7, pages[0].file: Found “overview.md”, which cannot be used: The file overview.md has 65537 bytes; the limit is 65536; expected text in UTF-8 of at most 65536 bytes. Make it smaller.",
    ),
    "a logo that is not there": broken(
        bundle(("logo.png", "logo.jpg")),
        "competition.yaml, line 3, image: Found “logo.jpg”, which is not in the zip; expected a file of the zip. Is “logo.png” meant?",
    ),
    "a logo of lines": broken(
        bundle(logo__png=b"<svg/>"),
        "competition.yaml, line 3, image: Found “logo.png”, which cannot be used: The picture is an SVG, which can carry scripts. Use a PNG, JPEG, GIF or WebP picture instead; expected a PNG, JPEG, GIF or WebP picture. Save the picture in one of these formats.",
    ),
    "a logo cut short": broken(
        bundle(logo__png=b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        "competition.yaml, line 3, image: Found “logo.png”, which cannot be used: The picture is damaged and cannot be read. Use a PNG, JPEG, GIF or WebP picture; expected a PNG, JPEG, GIF or WebP picture. Save the picture in one of these formats.",
    ),
    "a program that is not there": broken(
        bundle(("scoring/", "scorer/")),
        "competition.yaml, line 11, tasks[0].scoring_program: Found “scorer”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a program that is no zip": broken(
        bundle(("scoring/", "truth.csv")),
        "competition.yaml, line 11, tasks[0].scoring_program: Found “truth.csv”, which is not a zip file; expected a zip file or a folder. Zip it, or put it into a folder and name the folder.",
    ),
    "the whole bundle as a program": broken(
        bundle(("scoring/", ".")),
        "competition.yaml, line 11, tasks[0].scoring_program: Found “.”, the whole bundle; expected a file or folder inside it. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "data that are not there": broken(
        task("reference_data: truth/"),
        "competition.yaml, line 12, tasks[0].reference_data: Found “truth”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a kit that is not there": broken(
        phase("starting_kit: kit/"),
        "competition.yaml, line 17, phases[0].starting_kit: Found “kit”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "public data that are not there": broken(
        phase("public_data: public.zip"),
        "competition.yaml, line 17, phases[0].public_data: Found “public.zip”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a solution that is not there": broken(
        top("solutions:\n- {index: 0, tasks: [0], path: solution.zip}"),
        "competition.yaml, line 3, solutions[0].path: Found “solution.zip”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a path out of the bundle": broken(
        bundle(("scoring/", "../../etc")),
        "competition.yaml, line 11, tasks[0].scoring_program: Found a path that cannot be used: '../../etc' leads out of the archive; expected a path inside the zip. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "a path out of the bundle in between": broken(
        bundle(("overview.md", "pages/../../secret")),
        "competition.yaml, line 7, pages[0].file: Found a path that cannot be used: 'pages/../../secret' leads out of the archive; expected a path inside the zip. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "an absolute path": broken(
        bundle(("terms.md", "/etc/passwd")),
        "competition.yaml, line 4, terms: Found a path that cannot be used: '/etc/passwd' is absolute; expected a path inside the zip. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "a path of a drive": broken(
        bundle(("terms.md", "C:\\\\terms.md")),
        "competition.yaml, line 4, terms: Found a path that cannot be used: 'C:\\\\\\\\terms.md' is absolute; expected a path inside the zip. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "an address for a path": broken(
        bundle(("logo.png", "https://example.org/logo.png")),
        "competition.yaml, line 3, image: Found a path that cannot be used: 'https://example.org/logo.png' has a colon; expected a path inside the zip. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "a key of nothing": broken(
        task(f"input_data: {NOBODYS}"),
        "competition.yaml, line 12, tasks[0].input_data: The input data of task 0 is named as “aaaaaaaa-0000-4000-8000-000000000003”, which does not exist or is not yours to use. Expected the key of a file of yours, or of a public one. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "a key of somebody else": broken(
        task(f"reference_data: {THEIRS}"),
        "competition.yaml, line 12, tasks[0].reference_data: The reference data of task 0 is named as “aaaaaaaa-0000-4000-8000-000000000001”, which does not exist or is not yours to use. Expected the key of a file of yours, or of a public one. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "somebody else's program": broken(
        bundle(("scoring/", THEIRS)),
        "competition.yaml, line 11, tasks[0].scoring_program: The scoring program of task 0 is named as “aaaaaaaa-0000-4000-8000-000000000001”, which does not exist or is not yours to use. Expected the key of a file of yours, or of a public one. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "somebody else's data as public data": broken(
        phase(f"public_data: {THEIRS}"),
        "competition.yaml, line 17, phases[0].public_data: The public data of phase 1 is named as “aaaaaaaa-0000-4000-8000-000000000001”, which does not exist or is not yours to use. Expected the key of a file of yours, or of a public one. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "a task of nobody": broken(
        bundle(("  name: Task\n  scoring_program: scoring/\n", f"  key: {NOBODYS}\n")),
        "competition.yaml, line 10, tasks[0].key: Task 0 is named as “aaaaaaaa-0000-4000-8000-000000000003”, which does not exist or is not yours to use. Expected the key of a task of yours, or of a public one. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "a task of somebody else": broken(
        bundle(("  name: Task\n  scoring_program: scoring/\n", f"  key: {THEIRS}\n")),
        "competition.yaml, line 10, tasks[0].key: Task 0 is named as “aaaaaaaa-0000-4000-8000-000000000001”, which does not exist or is not yours to use. Expected the key of a task of yours, or of a public one. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "a task twice": broken(
        bundle(
            (
                "  name: Task\n  scoring_program: scoring/\n",
                f"  key: {MINE}\n- index: 1\n  key: {MINE}\n",
            )
        ),
        "competition.yaml, line 12, tasks[1].key: Task 1 is the same stored task as task 0; expected each task once. Name it once, and list its index in every phase that uses it.",
    ),
    "a solution of somebody else": broken(
        top(f"solutions:\n- {{index: 0, tasks: [0], key: {THEIRS}}}"),
        "competition.yaml, line 3, solutions[0].key: Solution 0 is named as “aaaaaaaa-0000-4000-8000-000000000001”, which does not exist or is not yours to use. Expected the key of a solution of yours. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
    "no known queue": broken(
        top("queue: nosuchqueue"),
        "competition.yaml, line 2, queue: The queue is named as “nosuchqueue”, which does not exist or is not yours to use. Expected no queue, or the id of one that an administrator gave you. Copy the key from the page of what is meant, or ask its owner to share it.",
    ),
}
