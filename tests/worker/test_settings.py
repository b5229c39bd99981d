from __future__ import annotations

from pathlib import Path

import pytest

from worker.errors import SettingsError
from worker.settings import Settings, environment

GIVEN = {
    "PLUMBLINE_WORKER_API_URL": "https://site.example",
    "PLUMBLINE_WORKER_BROKER_URL": "rediss://q:secret@site.example/0",
    "PLUMBLINE_WORKER_QUEUE": "q1w2e3r4",
    "PLUMBLINE_WORKER_TOKEN": "machine-secret",
}


def test_defaults_suit_one_machine() -> None:
    settings = Settings.from_env(GIVEN)
    assert (settings.engine, settings.pull_policy) == ("auto", "missing")
    assert settings.name
    assert settings.home.is_absolute()


def test_every_problem_is_said_at_once() -> None:
    wrong = {
        "PLUMBLINE_WORKER_API_URL": "site.example", "PLUMBLINE_WORKER_QUEUE": "A-B",
        "PLUMBLINE_WORKER_ENGINE": "warp", "PLUMBLINE_WORKER_CACHE_GIB": "nan",
        "PLUMBLINE_WORKER_IMAGE_MAP": "a,b=c", "PLUMBLINE_WORKER_TOKEN_FILE": "/nonexistent",
    }  # fmt: skip
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(wrong)
    for name in (
        "API_URL",
        "QUEUE",
        "ENGINE",
        "CACHE_GIB",
        "IMAGE_MAP",
        "TOKEN_FILE",
        "BROKER_URL",
    ):
        assert f"PLUMBLINE_WORKER_{name}" in str(caught.value)


def test_secrets_come_from_files_and_stay_out_of_repr(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-a-file\n")
    given = {key: value for key, value in GIVEN.items() if "TOKEN" not in key}
    settings = Settings.from_env({**given, "PLUMBLINE_WORKER_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.token == "from-a-file"
    assert "from-a-file" not in repr(settings)
    assert "secret" not in repr(settings)


def test_image_map_keeps_its_order() -> None:
    mapped = {**GIVEN, "PLUMBLINE_WORKER_IMAGE_MAP": "codalab/*=local:1, *=local:2"}
    assert Settings.from_env(mapped).image_rules() == [("codalab/*", "local:1"), ("*", "local:2")]


def test_env_file_adds_what_the_environment_lacks(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# from the page\n\nexport PLUMBLINE_WORKER_TOKEN='machine-secret'\n"
        'PLUMBLINE_WORKER_BROKER_URL = "rediss://q:a=b@site.example/0"\n'
        "PLUMBLINE_WORKER_NAME=file\nSECRET_KEY=the-site's-own\nnonsense\n"
    )
    found = environment({"PLUMBLINE_WORKER_NAME": "here", "PATH": "/bin"}, file)
    assert found == {
        "PLUMBLINE_WORKER_TOKEN": "machine-secret",
        "PLUMBLINE_WORKER_BROKER_URL": "rediss://q:a=b@site.example/0",
        "PLUMBLINE_WORKER_NAME": "here",
        "PATH": "/bin",
    }


def test_env_file_that_is_not_there_adds_nothing(tmp_path: Path) -> None:
    assert environment({"A": "b"}, tmp_path / ".env") == {"A": "b"}


def test_env_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=str(tmp_path)):
        environment({}, tmp_path)


def test_data_folder_must_be_there(tmp_path: Path) -> None:
    name = "PLUMBLINE_WORKER_DATA_DIR"
    assert Settings.from_env({**GIVEN, name: str(tmp_path)}).data_dir == str(tmp_path)
    for wrong in ("data", str(tmp_path / "none")):
        with pytest.raises(SettingsError, match=name):
            Settings.from_env({**GIVEN, name: wrong})
