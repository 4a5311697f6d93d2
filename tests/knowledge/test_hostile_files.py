"""Every hostile file of the kit through the real ingestion, within the limits of its row."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import pytest
from django_tenants.utils import tenant_context

from knowledge.extract import reader
from knowledge.models import Chunk, Document, DocumentVersion
from knowledge.services import documents, ingesting
from tenants.models import Tenant
from tests.knowledge.factories import NOW, ready, store
from tests.knowledge.measured_reading import measure_reading

KIT = Path(__file__).parents[1] / "fixtures"
ONE_LINE = b"palavra " * 262_144  # too large to be stored
ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in (KIT / "files_open.jsonl").read_text().splitlines()
]
# How a file may end for each word that its row expects.
ENDS = {
    "reject": {"refused", "failed"},
    "accept": {"ready"},
    "accept_capped": {"ready"},
    "accept_download_only": {"ready"},
    "reject_or_empty": {"refused", "failed"},
    "reject_or_capped": {"refused", "failed", "ready"},
    "reject_or_recovered": {"refused", "failed", "ready"},
    "reject_or_inert": {"refused", "failed", "ready"},
    "reject_or_download_only": {"refused", "failed"},
    "reject_or_note": {"refused", "failed"},
}


def upload(row: dict[str, Any]) -> tuple[str, Document | None]:
    """Store a file of the kit and read it; return how it ended."""
    path = KIT / row["file"]
    content = path.read_bytes() if path.exists() else ONE_LINE
    assert hashlib.sha256(content).hexdigest() == row["sha256"]
    try:
        document = store(content, name=row["upload_name"])
    except documents.UnsupportedFile:
        return "refused", None
    ingesting.ingest_document(document_id=document.pk, now=NOW)
    document.refresh_from_db()
    return document.status, document


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['id']} {row['why'][:40]}")
def test_each_file_ends_as_its_row_says(alpha: Tenant, row: dict[str, Any]) -> None:
    began = time.monotonic()

    status, document = upload(row)

    assert status in ENDS[row["expect"]]
    assert time.monotonic() - began < row["limits"]["max_seconds"]
    if document is not None and status == "failed":
        assert document.failure_reason
        assert not Chunk.objects.exists()
    assert not Chunk.objects.filter(body__contains="root:x").exists()
    # The worker lives, and serves the next one.
    assert ready("Aberto às 9h.", name="depois.txt").n_chunks == 1


def test_reading_takes_as_little_memory_as_the_rows_say(tmp_path: Path) -> None:
    one_line = tmp_path / "one_line.txt"
    one_line.write_bytes(ONE_LINE)
    files = [
        (kind, path if (path := KIT / row["file"]).exists() else one_line)
        for row in ROWS
        if (kind := reader.find_kind(row["upload_name"]))
    ]

    assert measure_reading(files) <= min(row["limits"]["max_rss_mb"] for row in ROWS) * 1024 * 1024


def test_what_such_a_file_says_is_data(alpha: Tenant) -> None:
    row = next(row for row in ROWS if row["upload_name"] == "instrucao_oculta.pdf")

    _, document = upload(row)

    assert document is not None
    version = DocumentVersion.objects.get(document=document)
    assert "PWNED-7731" in version.text


def test_a_hostile_file_in_one_tenant_is_none_in_the_other(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    with tenant_context(committed_beta):
        theirs = ready("Aberto às 9h.", name="bomba.docx.txt")
    with tenant_context(committed_alpha):
        row = next(row for row in ROWS if row["upload_name"] == "bomba.docx")
        status, document = upload(row)

        assert document is not None
        assert (status, document.pk) == ("failed", theirs.pk)
    with tenant_context(committed_beta):
        theirs.refresh_from_db()
        assert theirs.status == "ready"
        assert Chunk.objects.get(document=theirs).body == "Aberto às 9h."
