from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import translation
from django_tenants.utils import schema_context, tenant_context

from knowledge import tasks
from knowledge.models import Category, Chunk, Document, EmbeddedText
from knowledge.services import documents, ingesting, reasons
from knowledge.services.ingesting import Outcome
from knowledge.types import ChunkKind, Problem
from tenants.models import Tenant
from tests.knowledge.factories import NOW, PRICES, ready, store
from tests.knowledge.office import saved
from tests.knowledge.pdfs import Put, build, lines, locked
from tests.knowledge.test_extract_xlsx import book


def active(document: Document) -> list[str]:
    chunks = Chunk.objects.filter(document=document, active=True).order_by("position")
    return list(chunks.values_list("body", flat=True))


def ingest(document: Document) -> Outcome:
    outcome = ingesting.ingest_document(document_id=document.pk, now=NOW)
    document.refresh_from_db()
    return outcome


def test_a_document_becomes_passages(alpha: Tenant) -> None:
    document = store()

    outcome = ingest(document)

    assert outcome is Outcome.READY
    assert (document.status, document.progress, document.n_chunks) == ("ready", 100, 3)
    assert (document.lease_token, document.lease_until, document.n_attempts) == (None, None, 0)
    assert document.ready_at is not None
    chunk = Chunk.objects.get(document=document, position=0)
    assert chunk.body == (
        "codigo: C001; procedimento: Limpeza completa (profilaxia + tartaro); "
        "valor particular: R$ 220,00; valor parcelado: 2x R$ 110,00; "
        "observacao: recomendada a cada 6 meses"
    )
    assert chunk.kind == ChunkKind.ROW
    assert chunk.heading_path == "precos"
    assert len(chunk.vectors.get().embedding) == 384
    assert not EmbeddedText.objects.exists()


def test_pages_of_a_pdf_are_kept(alpha: Tenant) -> None:
    text = lines("A taxa de remarcação é de noventa reais para quem falta sem avisar antes.")

    document = ready(build([Put("Regras", size=20)], text), name="regras.pdf")

    assert list(Chunk.objects.filter(document=document).values_list("page", flat=True)) == [2]


def test_the_same_bytes_are_no_work(alpha: Tenant) -> None:
    document = ready()

    again = documents.store_document(
        category=document.category, name="precos.csv", content=PRICES.encode(), now=NOW
    )

    assert again == documents.Stored(document=document, changed=False)
    assert ingest(document) is Outcome.NOT_DUE
    assert document.version == 1


def test_a_new_file_replaces_the_old_one_in_one_step(alpha: Tenant) -> None:
    document = ready()
    before = active(document)

    store(PRICES.replace("220,00", "240,00"))
    waiting = active(document)
    ingest(document)

    assert waiting == before
    assert document.version == 2
    assert "R$ 240,00" in active(document)[0]
    assert active(document)[1:] == before[1:]
    versions = Chunk.objects.filter(document=document, active=False)
    assert set(versions.values_list("version", flat=True)) == {1}


def test_only_the_version_before_is_kept(alpha: Tenant) -> None:
    document = ready()
    for price in ("230,00", "240,00"):
        ready(PRICES.replace("220,00", price))

    chunks = Chunk.objects.filter(document=document)

    assert set(chunks.values_list("version", "active")) == {(2, False), (3, True)}


def test_a_failed_replacement_leaves_the_old_version_in_use(alpha: Tenant) -> None:
    document = ready()
    before = active(document)

    store(b"\x00\x01\x02" * 100)
    outcome = ingest(document)

    assert outcome is Outcome.FAILED
    assert active(document) == before
    with translation.override("en"):
        assert "version before" in str(reasons.kept_version())
    assert document.failure_reason


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("vazio.txt", b"", Problem.EMPTY),
        ("programa.csv", bytes(range(256)) * 4, Problem.NOT_TEXT),
        ("foto.pdf", b"\x89PNG\r\n", Problem.WRONG_KIND),
        (
            "segredo.pdf",
            locked(build(lines("Segredo")), password="x"),
            Problem.PDF_PASSWORD,
        ),
        ("scan.pdf", build([], image_on=(0,)), Problem.PDF_IMAGES),
        ("so_titulos.md", b"|---|\n", Problem.NO_TEXT),
    ],
)
def test_what_cannot_be_read_fails_with_a_reason_and_a_cure(
    alpha: Tenant, name: str, content: bytes, problem: Problem
) -> None:
    with translation.override("en"):
        document = store(content, name=name)
        outcome = ingest(document)

        assert outcome is Outcome.FAILED
        assert document.status == "failed"
        assert document.failure_code == problem
        assert document.failure_reason == reasons.reason(problem)
        assert ingest(document) is Outcome.NOT_DUE


def test_every_problem_has_a_reason() -> None:
    for problem in Problem:
        assert reasons.reason(problem)


def test_a_failed_document_can_be_tried_again(alpha: Tenant) -> None:
    document = store(b"", name="a.txt")
    ingest(document)

    assert documents.retry_document(document=document, now=NOW)
    document.refresh_from_db()

    assert (document.status, document.failure_reason, document.version) == ("queued", "", 1)
    assert not documents.retry_document(document=document, now=NOW)
    assert ingest(document) is Outcome.FAILED
    stored = documents.store_document(
        category=document.category, name="a.txt", content=b"", now=NOW
    )
    assert stored.changed


@pytest.mark.parametrize("name", ["a.doc", "a", "", "virus.exe", "../../static/x.html"])
def test_files_of_other_kinds_are_refused(alpha: Tenant, name: str) -> None:
    with pytest.raises(documents.UnsupportedFile):
        store("x", name=name)

    assert not Document.objects.exists()


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("contrato.doc", "Save it as DOCX"),
        ("fotos.zip", "Unpack it"),
        ("tabela.png", "Images are not read"),
        ("voz.ogg", "Sound and video"),
        ("../../etc/precos.csv", "holds a path"),
        ("x.xyz", "use PDF, DOCX, XLSX, CSV, HTML, MD or TXT."),
    ],
)
def test_a_refusal_says_what_helps(alpha: Tenant, name: str, cure: str) -> None:
    with translation.override("en"), pytest.raises(documents.UnsupportedFile) as refused:
        store("x", name=name)

    assert cure in str(refused.value)


def test_what_the_machine_read_and_its_language_are_kept(alpha: Tenant) -> None:
    document = ready(
        "# Horário\n\nAbrimos às 9h. Não abrimos aos domingos nem em feriados.\n", name="a.md"
    )
    ready("# Hours\n\nWe are open from 9 to 5 and we do not open on Sundays.\n", name="a.md")

    document.refresh_from_db()
    texts = document.versions.order_by("number").values_list("text", flat=True)

    assert texts[0].startswith("# Horário\nAbrimos às 9h.")
    assert texts[1].startswith("# Hours\n")
    assert document.language == "en"


def test_what_was_read_of_a_file_that_is_no_use_is_shown(alpha: Tenant) -> None:
    rows = "".join(f"item {number};{number},00\n" for number in range(10_001))
    document = store(f"nome;valor\n{rows}", name="a.csv")

    assert ingest(document) is Outcome.FAILED
    assert document.failure_code == Problem.TOO_LONG
    assert "item 7" in document.versions.get().text


def test_hidden_sheets_are_named_in_a_notice(alpha: Tenant) -> None:
    workbook, sheet = book(("Item", "Valor"), ("Corte", 50), ("Barba", 30))
    sheet.row_dimensions[3].hidden = True
    workbook.create_sheet("Margens")["A1"] = "segredo"
    workbook["Margens"].sheet_state = "hidden"

    with translation.override("en"):
        document = ready(saved(workbook), name="precos.xlsx")

    assert document.notice == (
        "The hidden sheet Margens was not read. A hidden row or column was not read."
    )
    assert active(document) == ["Item: Corte; Valor: R$ 50,00"]


def test_a_question_and_its_answer_are_one_passage(alpha: Tenant) -> None:
    stated = {"question": "Como pago", "answer": "Com Pix.", "phrasings": ["aceita pix?"]}

    document = ready(json.dumps(stated), name="como pago.faq")

    chunk = Chunk.objects.get(document=document)
    assert (chunk.kind, chunk.heading_path, chunk.body) == ("faq", "Como pago", "Com Pix.")
    assert document.kind == Document.Kind.FAQ


def test_a_file_that_is_too_large_is_refused(alpha: Tenant) -> None:
    with pytest.raises(documents.FileTooLarge):
        store(b"x" * (documents.MAX_BYTES + 1), name="a.txt")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("../../etc/preços.csv", "preços.csv"),
        ("C:\\Docs\\manual.PDF", "manual.PDF"),
        ("a\x00b\u202e.md", "ab.md"),
        ("x" * 500 + ".txt", "x" * 180 + ".txt"),
    ],
)
def test_only_the_last_part_of_a_name_counts(typed: str, name: str) -> None:
    assert documents.file_name(typed) == name


def test_pages_of_images_are_named_in_a_notice(alpha: Tenant) -> None:
    text = lines("A clínica abre de segunda a sexta, das oito às vinte horas, sem intervalo.")

    document = ready(build(text, [], image_on=(1,)), name="misto.pdf")

    assert "2" in document.notice


@pytest.mark.parametrize(("language", "said"), [("pt-br", "está vazio"), ("en", "is empty")])
def test_workers_write_down_what_went_wrong_in_the_tenants_language(
    alpha: Tenant, language: str, said: str
) -> None:
    Tenant.objects.filter(pk=alpha.pk).update(language=language)
    document = store("", name="vazio.txt")

    with schema_context(alpha.schema_name):  # as tasks enter it
        assert tasks.ingest_document(document_id=document.pk) == "failed"

    document.refresh_from_db()
    assert said in document.failure_reason


def test_a_document_whose_worker_died_is_picked_up_again(alpha: Tenant) -> None:
    document = store()
    Document.objects.filter(pk=document.pk).update(
        status="processing",
        lease_token=uuid.uuid4(),
        lease_until=NOW - timedelta(seconds=1),
        n_attempts=1,
    )

    announced = ingesting.requeue_stalled(NOW)

    document.refresh_from_db()
    assert announced == 1
    assert document.status == "queued"
    assert document.lease_until > NOW
    assert ingesting.requeue_stalled(NOW) == 0
    assert ingest(document) is Outcome.READY


def test_a_lost_doorbell_rings_again(alpha: Tenant) -> None:
    store()

    assert ingesting.requeue_stalled(NOW) == 1
    assert ingesting.requeue_stalled(NOW) == 0
    assert ingesting.requeue_stalled(NOW + timedelta(minutes=2)) == 1
    assert ingesting.requeue_stalled(NOW + timedelta(minutes=2)) == 0


def test_work_in_progress_and_finished_work_are_left_alone(alpha: Tenant) -> None:
    ready()
    busy = store("outro texto", name="b.txt")
    Document.objects.filter(pk=busy.pk).update(
        status="processing", lease_token=uuid.uuid4(), lease_until=NOW + timedelta(seconds=60)
    )

    assert ingesting.requeue_stalled(NOW) == 0
    assert ingest(busy) is Outcome.NOT_DUE


def test_a_file_that_kills_its_workers_is_given_up(alpha: Tenant) -> None:
    document = store()
    outcomes = []
    for _ in range(ingesting.MAX_ATTEMPTS):
        Document.objects.filter(pk=document.pk).update(
            status="processing",
            lease_token=uuid.uuid4(),
            lease_until=NOW - timedelta(seconds=1),
            n_attempts=ingesting.MAX_ATTEMPTS,
        )
        outcomes.append(ingest(document))

    assert outcomes[0] is Outcome.FAILED
    assert document.failure_code == Problem.WORKER_STOPPED


def test_what_is_embedded_survives_the_worker(alpha: Tenant) -> None:
    rows = "".join(f"item {number};{number},00\n" for number in range(40))
    document = store(f"nome;valor\n{rows}")

    outcomes = [
        ingesting.ingest_document(document_id=document.pk, now=NOW, slice_s=0.0) for _ in range(3)
    ]

    document.refresh_from_db()
    assert outcomes == [Outcome.CONTINUES, Outcome.CONTINUES, Outcome.READY]
    assert document.n_chunks == 40
    assert not EmbeddedText.objects.exists()


def test_left_over_vectors_are_removed(alpha: Tenant) -> None:
    rows = "".join(f"item {number};{number},00\n" for number in range(20))
    document = store(f"nome;valor\n{rows}")
    ingesting.ingest_document(document_id=document.pk, now=NOW, slice_s=0.0)
    document.delete()

    ingesting.requeue_stalled(NOW + timedelta(days=1))
    kept = EmbeddedText.objects.count()
    ingesting.requeue_stalled(NOW + timedelta(days=3))

    assert kept == 16
    assert not EmbeddedText.objects.exists()


def test_a_deleted_document_leaves_nothing(alpha: Tenant) -> None:
    document = ready()

    document.delete()

    assert not Chunk.objects.exists()
    assert ingesting.ingest_document(document_id=document.pk, now=NOW) is Outcome.NOT_DUE


def test_nothing_is_embedded_under_an_open_transaction(alpha: Tenant) -> None:
    document = store()

    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        ingesting.ingest_document(document_id=document.pk, now=NOW)


def test_each_version_keeps_its_file(alpha: Tenant) -> None:
    ready()
    document = ready(PRICES + "C004;Implante;3.200,00;;\n")

    files = document.versions.order_by("number").values_list("original", flat=True)

    assert bytes(files[0]) == PRICES.encode()
    assert documents.original_of(document) == bytes(files[1])


def test_two_tenants_keep_documents_of_the_same_ids_apart(
    committed_alpha: Tenant, committed_beta: Tenant
) -> None:
    with tenant_context(committed_beta):
        theirs = ready(PRICES.replace("220,00", "999,00"))
    with tenant_context(committed_alpha):
        ours = ready()

        assert ours.pk == theirs.pk
        assert "R$ 220,00" in active(ours)[0]
        ours.delete()
        assert Category.objects.count() == 1
    with tenant_context(committed_beta):
        assert "R$ 999,00" in active(theirs)[0]
