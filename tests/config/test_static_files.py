from __future__ import annotations

from pathlib import Path

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings

from config.static_files import StaticFiles

PAGE = "/static/a.css"


def not_here(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=404)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "a.css"
    file.write_bytes(b"old text")
    return file


@pytest.fixture
def files(file: Path) -> StaticFiles:
    """The files as a web process has found them at its start."""
    with override_settings(WHITENOISE_AUTOREFRESH=False, STATIC_ROOT=file.parent):
        return StaticFiles(not_here)


@pytest.mark.parametrize("text", [b"old text", b"a new and longer text", b"new", b""])
def test_a_file_is_sent_whole_also_where_it_was_replaced(
    file: Path, files: StaticFiles, text: bytes
) -> None:
    file.write_bytes(text)

    answer = files(RequestFactory().get(PAGE))

    assert answer.streaming is False
    assert answer.content == text
    assert answer["Content-Length"] == str(len(text))
    assert answer["Content-Type"].startswith("text/css")


def test_a_part_is_sent_of_it(files: StaticFiles) -> None:
    answer = files(RequestFactory().get(PAGE, headers={"range": "bytes=4-5"}))

    assert (answer.status_code, answer.content) == (206, b"te")
    assert answer["Content-Range"] == "bytes 4-5/8"
    assert answer["Content-Length"] == "2"


def test_who_has_it_already_is_sent_nothing(files: StaticFiles) -> None:
    tag = files(RequestFactory().get(PAGE))["ETag"]

    answer = files(RequestFactory().get(PAGE, headers={"if-none-match": tag}))

    assert (answer.status_code, answer.content) == (304, b"")
    assert "Content-Type" not in answer


def test_other_methods(files: StaticFiles) -> None:
    head = files(RequestFactory().head(PAGE))
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", "8")
    assert files(RequestFactory().post(PAGE)).status_code == 405


def test_what_is_no_file_goes_on(files: StaticFiles) -> None:
    assert files(RequestFactory().get("/static/b.css")).status_code == 404
