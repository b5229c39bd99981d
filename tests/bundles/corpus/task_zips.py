"""Broken task zips."""

from __future__ import annotations

from tests.bundles.corpus.cases import (
    MINE,
    NOBODYS,
    PROGRAM,
    TASK,
    THEIRS,
    Case,
    broken,
    task_zip,
    zipped,
)

CASES: dict[str, Case] = {
    "no zip": broken(
        b"hello",
        "task.zip: The file is not a zip file, or its end is missing. Zip the files, and upload the whole zip.",
    ),
    "a zip cut short": broken(
        task_zip()[:-30],
        "task.zip: The zip file is cut short, or something was put before it. Zip the files again.",
    ),
    "a name that leads out": broken(
        zipped({"task.yaml": TASK.encode(), "../a": b"1"}),
        "task.zip, ../a: The name '../a' leads out of the archive. Rename it and zip again.",
    ),
    "no manifest": broken(
        zipped({"a.txt": b"1"}),
        "task.yaml: task.yaml is not at the top of the zip; found 1 other file. Move it there and zip again.",
    ),
    "a manifest that lies too deep": broken(
        zipped({"a/b/task.yaml": b"", "c": b""}),
        "task.yaml: task.yaml is not at the top of the zip; found only a/b/task.yaml. Move it there and zip again.",
    ),
    "a bundle": broken(
        zipped({"competition.yaml": b"", "c": b""}),
        "task.yaml: task.yaml is not at the top of the zip; found competition.yaml. This is the bundle of a benchmark: upload it there.",
    ),
    "two manifests": broken(
        task_zip(TASK, task__yml=b"name: Other"),
        "task.yml: task.yaml and task.yml are both in the zip, and each could be meant. Take out the one that is not meant.",
    ),
    "no YAML": broken(
        task_zip("name: [1"),
        "task.yaml, line 1: Line 1, column 9: expected ',' or ']', but got '<stream end>'. Correct the text there; a value with a colon or a # needs quotes.",
    ),
    "a tab": broken(
        task_zip("name: a\n\tb: c"),
        "task.yaml, line 2: Line 2, column 1: a tab stands where YAML wants spaces. Indent with spaces.",
    ),
    "no UTF-8": broken(
        task_zip(b"name: \xff"),
        "task.yaml: The text is not UTF-8 in line 1; it looks like Windows-1252 or Latin-1. Save it as UTF-8.",
    ),
    "nothing": broken(
        task_zip(""),
        "task.yaml: Found nothing; expected a mapping with name and scoring_program. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a list": broken(
        task_zip("- a"),
        "task.yaml: Found a list of 1; expected a mapping with name and scoring_program. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a tag": broken(
        task_zip("name: !!python/object:os.system x"),
        "task.yaml, line 1: Line 1, column 7: the tag !!python/object:os.system is not allowed. Remove it.",
    ),
    "a key twice": broken(
        task_zip(TASK + "name: B\n"),
        "task.yaml, line 3, name: Line 3, column 1: the key “name” is given a second time (first in line 1). Remove one of the two.",
    ),
    "no name": broken(
        task_zip("scoring_program: scoring.zip\n"),
        "task.yaml, name: The name of the task is empty; expected 1 to 256 characters. Give it under name.",
    ),
    "a list as a name": broken(
        task_zip("name: [a]\nscoring_program: scoring.zip\n"),
        "task.yaml, line 1, name: Found a list of 1; expected text. Write one line of text, in quotes where YAML would read something else.",
    ),
    "a long name": broken(
        task_zip(f"name: {'a' * 300}\nscoring_program: scoring.zip\n"),
        "task.yaml, line 1, name: The name of the task is 300 characters long; expected at most 256 characters. Shorten it.",
    ),
    "a long description": broken(
        task_zip(f"{TASK}description: {'a' * 70_000}\n"),
        "task.yaml, line 3, description: The description is 70000 bytes long; expected at most 65536 bytes. Shorten it, or move a part to a page.",
    ),
    "no scoring program": broken(
        task_zip("name: Triage\n"),
        "task.yaml, scoring_program: The scoring program of the task is nothing; expected a file, a folder or the key of a stored program. Name the program that computes the scores under scoring_program.",
    ),
    "a list as a program": broken(
        task_zip("name: Triage\nscoring_program: [scoring.zip]\n"),
        "task.yaml, line 2, scoring_program: Found a list of 1; expected the name of a zip or folder, the key of stored data, or a mapping with key or zip. Name one file.",
    ),
    "an empty mapping": broken(
        task_zip("name: Triage\nscoring_program: {}\n"),
        "task.yaml, line 2, scoring_program.zip: Found neither key nor zip; expected one of the two. Name a file of the zip.",
    ),
    "a key that is none": broken(
        task_zip("name: Triage\nscoring_program: {key: 17}\n"),
        "task.yaml, line 2, scoring_program.key: Found “17”; expected the key (a UUID) of something stored here. Copy the key from the page of what is meant.",
    ),
    "a misspelt file": broken(
        task_zip("name: Triage\nscoring_program: scorin.zip\n"),
        "task.yaml, line 2, scoring_program: Found “scorin.zip”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Is “scoring.zip” meant?",
    ),
    "a misspelt file in a mapping": broken(
        task_zip("name: Triage\nscoring_program:\n  zip: scorin.zip\n"),
        "task.yaml, line 3, scoring_program.zip: Found “scorin.zip”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Is “scoring.zip” meant?",
    ),
    "a file that is no zip": broken(
        task_zip(TASK + "input_data: truth/a.csv\n"),
        "task.yaml, line 3, input_data: Found “truth/a.csv”, which is not a zip file; expected a zip file or a folder. Zip it, or put it into a folder and name the folder.",
    ),
    "a path that leads out": broken(
        task_zip("name: Triage\nscoring_program: ../scoring.zip\n"),
        "task.yaml, line 2, scoring_program: Found a path that cannot be used: '../scoring.zip' leads out of the archive; expected a path inside the zip. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "an absolute path": broken(
        task_zip("name: Triage\nscoring_program: /etc/passwd\n"),
        "task.yaml, line 2, scoring_program: Found a path that cannot be used: '/etc/passwd' is absolute; expected a path inside the zip. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "the whole zip": broken(
        task_zip("name: Triage\nscoring_program: .\n"),
        "task.yaml, line 2, scoring_program: Found “.”, the whole bundle; expected a file or folder inside it. Put it into the zip, and write the path from the folder of the YAML file.",
    ),
    "a zip within that is cut short": broken(
        task_zip(TASK, scoring__zip=PROGRAM[:30]),
        "task.yaml, line 2, scoring_program: Found “scoring.zip”, which cannot be used: The file is not a zip file, or its end is missing. Zip the files, and upload the whole zip; expected a sound zip file. Make scoring.zip anew.",
    ),
    "a zip within that leads out": broken(
        task_zip(TASK, scoring__zip=zipped({"../a": b"1"})),
        "task.yaml, line 2, scoring_program: Found “scoring.zip”, which cannot be used: The name '../a' leads out of the archive. Rename it and zip again; expected a sound zip file. Make scoring.zip anew.",
    ),
    "ingestion without a program": broken(
        task_zip(TASK + "ingestion_only_during_scoring: true\n"),
        "task.yaml, line 3, ingestion_only_during_scoring: The setting “ingestion only during scoring” is on, without an ingestion program; expected off, or an ingestion program beside it. Switch it off, or name an ingestion_program.",
    ),
    "a switch that is none": broken(
        task_zip(TASK + "is_public: perhaps\n"),
        "task.yaml, line 3, is_public: Found “perhaps”; expected true or false. Write one of the two words.",
    ),
    "a key of nothing": broken(
        task_zip(f"name: Triage\nscoring_program: {NOBODYS}\n"),
        "task.yaml, line 2, scoring_program: The scoring program is named as “aaaaaaaa-0000-4000-8000-000000000003”, which does not exist or is not yours to use. Expected the key of a file of yours, or of a public one. Copy the key from the page of the file.",
    ),
    "a key of somebody else": broken(
        task_zip(f"name: Triage\nscoring_program: {THEIRS}\n"),
        "task.yaml, line 2, scoring_program: The scoring program is named as “aaaaaaaa-0000-4000-8000-000000000001”, which does not exist or is not yours to use. Expected the key of a file of yours, or of a public one. Copy the key from the page of the file.",
    ),
    "a key of another kind": broken(
        task_zip(f"name: Triage\nscoring_program: {MINE}\n"),
        "task.yaml, line 2, scoring_program: The scoring program is “Films”, which was uploaded as input data. Choose a file that was uploaded as scoring program.",
    ),
}
