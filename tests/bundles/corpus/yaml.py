"""Manifests that cannot be read as YAML."""

from __future__ import annotations

from tests.bundles.corpus.cases import Case, broken, manifest, phase, top

CASES: dict[str, Case] = {
    "no YAML": broken(
        manifest(b"a: b: c"),
        "competition.yaml, line 1: Line 1, column 5: mapping values are not allowed here. Correct the text there; a value with a colon or a # needs quotes.",
    ),
    "an open bracket": broken(
        manifest(b"title: [1"),
        "competition.yaml, line 1: Line 1, column 10: expected ',' or ']', but got '<stream end>'. Correct the text there; a value with a colon or a # needs quotes.",
    ),
    "an empty file": broken(
        manifest(b""),
        "competition.yaml: Found nothing; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a list": broken(
        manifest(b"- 1"),
        "competition.yaml: Found a list of 1; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a text": broken(
        manifest(b"hello"),
        "competition.yaml: Found “hello”; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "a tab": broken(
        manifest(b"title: a\nphases:\n\tname: b"),
        "competition.yaml, line 3: Line 3, column 1: a tab stands where YAML wants spaces. Indent with spaces.",
    ),
    "two documents": broken(
        manifest(b"title: a\n---\ntitle: b"),
        "competition.yaml, line 2: Line 2, column 1: a second document begins here. Keep one.",
    ),
    "a key twice": broken(
        top("title: B"),
        "competition.yaml, line 3, title: Line 3, column 1: the key “title” is given a second time (first in line 2). Remove one of the two.",
    ),
    "a key twice in a phase": broken(
        phase("name: Other"),
        "competition.yaml, line 17, phases[0].name: Line 17, column 3: the key “name” is given a second time (first in line 14). Remove one of the two.",
    ),
    "a key that is a list": broken(
        manifest(b"? [1]\n: 2"),
        "competition.yaml, line 1: Line 1, column 3: a key must be text. Write plain keys, each with a colon and its value.",
    ),
    "a tag that runs a program": broken(
        manifest(b"title: !!python/object/apply:os.system [id]"),
        "competition.yaml, line 1: Line 1, column 8: the tag !!python/object/apply:os.system is not allowed. Remove it.",
    ),
    "a tag of bytes": broken(
        manifest(b"title: !!binary aGk="),
        "competition.yaml, line 1: Line 1, column 8: the tag !!binary is not allowed. Remove it.",
    ),
    "an alias of nothing": broken(
        manifest(b"title: *name"),
        "competition.yaml, line 1: Line 1, column 8: found undefined alias 'name'. Correct the text there; a value with a colon or a # needs quotes.",
    ),
    "an alias of itself": broken(
        manifest(b"a: &a [*a]"),
        "competition.yaml, line 1: Line 1, column 8: an alias points to what contains it. Write out what the aliases stand for.",
    ),
    "a bomb of aliases": broken(
        manifest(
            "\n".join(
                [
                    "a0: &a0 [lol, lol, lol]",
                    *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)),
                ]
            ).encode()
        ),
        "competition.yaml, line 6: Line 6, column 5: it holds more than 50000 values. Write out what the aliases stand for.",
    ),
    "too many aliases": broken(
        manifest(b"a: &a 1\nb: [" + b", ".join([b"*a"] * 101) + b"]"),
        "competition.yaml, line 2: Line 2, column 405: there are more than 100 aliases. Write out what the aliases stand for.",
    ),
    "nesting without end": broken(
        manifest(b"[" * 1_000),
        "competition.yaml, line 1: Line 1, column 21: the nesting is deeper than 20 levels. Nest less deeply.",
    ),
    "a date that is none": broken(
        manifest(b"start: 2030-02-30"),
        "competition.yaml, line 1: Line 1, column 8: 2030-02-30 is not a date that exists. Correct it, or put it in quotes if it is meant as text.",
    ),
    "a number without end": broken(
        manifest(b"a: " + b"9" * 5_000),
        "competition.yaml, line 1: Line 1, column 4: the number has too many digits. Correct it, or put it in quotes if it is meant as text.",
    ),
    "a control character": broken(
        manifest(b"title: a\x07"),
        "competition.yaml, line 1: Line 1: the control character U+0007 is not allowed. Remove it.",
    ),
    "a NUL": broken(
        manifest(b"title: a\x00b"),
        "competition.yaml: The text has a NUL character in line 1; it is not plain text. Save it as UTF-8.",
    ),
    "UTF-16": broken(
        manifest("title: é".encode("utf-16")),
        "competition.yaml: The text is encoded as UTF-16. Save it as UTF-8.",
    ),
    "Latin-1": broken(
        manifest("title: é".encode("latin-1")),
        "competition.yaml: The text is not UTF-8 in line 1; it looks like Windows-1252 or Latin-1. Save it as UTF-8.",
    ),
    "a vast manifest": broken(
        manifest(b"#" * 300_000),
        "competition.yaml: The file competition.yaml has 300000 bytes; the limit is 262144. Make it smaller.",
    ),
}
