"""The walk of docs/api.md, run line by line as somebody would paste it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.test.client import MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from conversations.models import OutboundMessage
from integrations.models import Delivery
from knowledge.models import Document
from knowledge.services import ingesting
from tenants.models import Tenant
from tests.api.conftest import program
from tests.factories import FAQ, make_agent, work

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
FILES = {"precos.md": FAQ}
"""What a reader has in their folder."""

_VARIABLE = re.compile(r"('[^']*')|\$(\w+)")
_SAVED = re.compile(r"(\w+)=\$\((.*)\)\Z")


class Shell:
    """So much of a shell as the page needs: variables, curl, and a value picked by jq."""

    def __init__(self, *, host: str, **variables: str) -> None:
        self.host, self.variables = host, variables
        self.answers: list[tuple[str, Any]] = []

    def run(self, line: str) -> None:
        """Run one line.

        A line that begins with something else than is known here fails: teach it, or write
        another line.
        """
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            self.variables.setdefault(name, value)
            return
        saved = _SAVED.match(line)
        name, command = (saved[1], saved[2]) if saved else ("", line)
        call, _, pick = self._filled(command).partition(" | jq -r ")
        answer = self._curl(shlex.split(call))
        self.answers.append((line, answer))
        assert answer.status_code < 300, f"{line}\n{answer.status_code} {answer.content!r}"
        if name:
            self.variables[name] = _picked(answer.json(), pick)

    def _filled(self, command: str) -> str:
        return _VARIABLE.sub(lambda m: m[1] or self.variables[m[2]], command)

    def _curl(self, words: list[str]) -> Any:
        assert words.pop(0) == "curl"
        url, method, headers, body = "", "", {"host": self.host}, b""
        form: dict[str, Any] = {}
        content_type = "application/json"
        while words:
            match words.pop(0):
                case "-s" | "-N" | "-sN":
                    continue
                case "-X":
                    method = words.pop(0)
                case "-H":
                    name, _, value = words.pop(0).partition(": ")
                    headers[name.lower()] = value
                case "--json":
                    body, method = words.pop(0).encode(), method or "POST"
                case "-F":
                    name, _, value = words.pop(0).partition("=")
                    file = value.removeprefix("@")
                    is_file = value.startswith("@")
                    form[name] = SimpleUploadedFile(file, FILES[file]) if is_file else value
                case option if option.startswith("-"):
                    raise AssertionError(f"curl {option} is not known here")
                case address:
                    url = address
        if form:
            body, method = encode_multipart("BoUnDaRy", form), method or "POST"
            content_type = f"{MULTIPART_CONTENT.partition(';')[0]}; boundary=BoUnDaRy"
        return Client().generic(
            method or "GET",
            "/" + url.split("/", 3)[3],
            body,
            content_type=content_type,
            headers=headers,
        )


def _picked(value: Any, path: str) -> str:
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(index)]
    assert isinstance(value, str), path
    return value


def lines() -> list[str]:
    """Return the lines of the page's walk."""
    walk = PAGE.read_text(encoding="utf-8").partition("## A walk")[2].partition("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", walk, re.DOTALL)
    joined = "".join(blocks).replace("\\\n", "")
    return [line for line in joined.splitlines() if line.strip()]


def do_what_waits() -> None:
    """Do what the dispatcher and its workers would have done meanwhile."""
    for document in Document.objects.filter(status="queued"):
        ingesting.ingest_document(document_id=document.pk, now=timezone.now())
    work(rounds=2)


def _is_json(answer: Any) -> bool:
    return bool(answer.content) and "json" in answer.headers["Content-Type"]


def test_each_line_works_as_it_stands(alpha: Tenant) -> None:
    make_agent()
    shell = Shell(host="alpha.localhost", KEY=program().credential)

    for line in lines():
        shell.run(line)
        do_what_waits()

    said = {line: answer.json() for line, answer in shell.answers if _is_json(answer)}
    turn = next(body for line, body in said.items() if "/turns/" in line)
    assert turn["status"] == "done"
    assert "220,00" in turn["replies"][0]
    assert OutboundMessage.objects.filter(origin="person", status="acked").count() == 1
    assert Delivery.objects.filter(status="pending").count() == 3
    page = next(body for line, body in said.items() if "blueprint" in line)
    assert "Balcão" in json.dumps(page, ensure_ascii=False)
