"""Public datasets, as anybody sees them."""

from __future__ import annotations

import json
import re

import pytest
from flask import Flask

from app.resources.models import FileKind
from tests.actors import Cast, browser, make_cast
from tests.factories import make_file

DATA = FileKind.PUBLIC_DATA


@pytest.fixture
def cast(app: Flask) -> Cast:
    return make_cast()


def test_list_holds_public_files_only(app: Flask, cast: Cast) -> None:
    make_file(cast.olga, kind=DATA, name="Films", is_public=True)
    make_file(cast.olga, kind=DATA, name="Secret films")
    make_file(cast.olga, kind=DATA, name="Half films", is_public=True, is_complete=False)
    for user in cast.people().values():
        page = browser(app, user).get("/datasets/?whose=mine").text
        assert re.findall(r'<th scope="row"><a [^>]+>([^<]+)</a>', page) == ["Films"]
    assert "Nothing found" in browser(app, None).get("/datasets/?q=xyz").text


def test_page_is_for_everybody_and_only_of_public_files(app: Flask, cast: Cast) -> None:
    public = make_file(cast.olga, kind=DATA, is_public=True)
    private = make_file(cast.olga, kind=DATA)
    for user in cast.people().values():
        client = browser(app, user)
        assert client.get(f"/datasets/{public.key}").status_code == 200
        assert client.get(f"/datasets/{private.key}").status_code == 404


def test_page_tells_machines_what_it_tells_people(app: Flask, cast: Cast) -> None:
    file = make_file(
        cast.olga, kind=DATA, name="Films </script>", sha256="ab" * 32, license="CC-BY-4.0",
        is_public=True, file_name="all films.zip",
    )  # fmt: skip
    page = browser(app, None).get(f"/datasets/{file.key}").text
    [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    described = json.loads(text)
    assert described["name"] == "Films </script>"
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert described["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert {"name", "description", "url", "creator", "datePublished", "license"} <= set(described)
    [content] = described["distribution"]
    assert not set(content["@id"]) & set(" \t\n")
    assert (content["sha256"], content["contentSize"]) == ("ab" * 32, "100 B")
    assert content["contentUrl"] == f"http://localhost/files/{file.key}"
    assert described["citeAs"].startswith("olga (2027). Films")
