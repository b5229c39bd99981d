from __future__ import annotations

from pathlib import Path

import pytest

from worker.command import Role, expand, read_program, tokens


def folder_with(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def words(folder: Path, metadata: str, name: str = "metadata.yaml") -> tuple[str, ...]:
    return read_program(folder_with(folder, {name: metadata})).words


def test_metadata_yaml_comes_before_metadata(tmp_path: Path) -> None:
    files = {"metadata.yaml": "command: one", "metadata": "command: two"}
    assert read_program(folder_with(tmp_path, files)).words == ("one",)


def test_command_is_split_as_a_shell_would_without_a_shell(tmp_path: Path) -> None:
    found = words(tmp_path, "command: python3 $program/a.py 'two words' \"$input\" > x; rm -rf *")
    assert found == ("python3", "$program/a.py", "two words", "$input", ">", "x;", "rm", "-rf", "*")


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ("description: x", "names no command"),
        ("", "names no command"),
        ("command:", "names no command"),
        ("command: [a, b]", "one line of text"),
        ("command: 5", "one line of text"),
        ("command: 'open \"quote'", "cannot be split"),
        ("command: [", "line 1"),
        ("just text", "names no command"),
        ("command: !!python/name:os.system", "line 1"),
        ('command: "python3 a\\0b"', "a character that no program can be given"),
        ('command: "python3 a\\ud800b"', "a character that no program can be given"),
    ],
)
def test_metadata_without_a_usable_command_says_why(
    tmp_path: Path, metadata: str, problem: str
) -> None:
    program = read_program(folder_with(tmp_path, {"metadata": metadata}))
    assert program.has_metadata
    assert program.words == ()
    assert problem in program.problem


def test_single_folder_with_metadata_counts_as_the_root(tmp_path: Path) -> None:
    files = {"model/metadata": "command: x", "__MACOSX/model/._a": "", ".DS_Store": ""}
    program = read_program(folder_with(tmp_path, files))
    assert program.root == tmp_path / "model"
    assert program.wrapped_in == "model"


def test_folder_beside_other_files_is_not_unwrapped(tmp_path: Path) -> None:
    files = {"model/metadata": "command: x", "readme.txt": ""}
    assert not read_program(folder_with(tmp_path, files)).has_metadata


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (Role.PREDICTION_PROGRAM, "/app/input /app/output /app/program /app/output"),
        (Role.PREDICTION_INGESTION, "/app/input_data /app/output /app/program /app/output"),
        (Role.SCORING_PROGRAM, "/app/input /app/output /app/program /app/input/res"),
        (Role.SCORING_INGESTION, "/app/input_data /app/output /app/program /app/input/res"),
    ],
)
def test_tokens_stand_for_the_paths_of_their_role(role: Role, expected: str) -> None:
    found = expand(("$input", "$output", "$program", "$predictions"), tokens(role))
    assert " ".join(found) == expected


def test_other_tokens_are_the_same_everywhere() -> None:
    given = ("$ingestion_program", "$submission_program", "$hidden", "$shared", "$tmp")
    assert expand(given, tokens(Role.SCORING_PROGRAM)) == (
        "/app/program", "/app/ingested_program", "/app/input/ref", "/app/shared", "/app/output",
    )  # fmt: skip


def test_replacement_is_plain_text_in_order() -> None:
    found = expand(("--data=$input_data",), tokens(Role.PREDICTION_INGESTION))
    assert found == ("--data=/app/input_data_data",)


def test_tokens_expand_to_real_folders_where_there_is_no_app_folder() -> None:
    found = expand(("$input/ref",), tokens(Role.SCORING_PROGRAM, "/somewhere"))
    assert found == ("/somewhere/app/input/ref",)
