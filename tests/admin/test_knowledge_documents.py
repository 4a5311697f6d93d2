"""Files that people give: many at once, versions, days of validity, the bin."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation
from django_tenants.utils import tenant_context

from knowledge import admin_pages as pages
from knowledge.models import Category, Document, DocumentVersion, WebSource
from knowledge.services import documents, versions
from tenants.audit.models import AuditEntry
from tenants.errors import DomainError
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import make_document
from tests.admin.test_hostile_texts import TEXTS, _Reader

LIST = "/admin/knowledge/document/"
UPLOAD = f"{LIST}upload/"
TABLE = b"item;valor\nlimpeza;220\n"


def page(document: Document, end: str = "change") -> str:
    return f"{LIST}{document.pk}/{end}/"


def upload(client: Client, *files: tuple[str, bytes], as_json: bool = True, **extra: Any) -> Any:
    given = [SimpleUploadedFile(name, content) for name, content in files]
    headers = {"accept": "application/json"} if as_json else {}
    answer = client.post(
        UPLOAD, {"files": given, "new_category": "preços", **extra}, headers=headers
    )
    return answer.json()["results"] if as_json else answer


def words(refusal: type[DomainError]) -> str:
    """What the panel says of a refusal, in its language."""
    with translation.override("pt-br"):
        return str(refusal())


def trail() -> set[str]:
    return set(AuditEntry.objects.values_list("action", flat=True))


def test_each_file_of_many_is_taken_or_refused_by_itself(owner: Client) -> None:
    results = upload(
        owner,
        ("tabela.csv", TABLE),
        ("virus.exe", b"MZ"),
        ("grande.txt", b"x" * (documents.MAX_BYTES + 1)),
        ("sem_ponto", b"x"),
        ("pergunta.faq", b"{}"),
        ("horários.txt", b"Abre aos domingos."),
    )

    assert [one["id"] is not None for one in results] == [True, False, False, False, False, True]
    assert {results[n]["text"] for n in (1, 3, 4)} == {words(documents.UnsupportedFile)}
    assert results[2]["text"] == words(documents.FileTooLarge)
    assert results[0]["busy"]
    assert set(Document.objects.values_list("name", flat=True)) == {"tabela.csv", "horários.txt"}
    assert Document.objects.waiting(timezone.now()).count() == 2
    assert DocumentVersion.objects.filter(uploaded_by="owner").count() == 2
    assert AuditEntry.objects.filter(action="document.created").count() == 2


def test_without_scripts_the_results_are_a_page(owner: Client) -> None:
    html = upload(owner, ("a.txt", b"oi"), ("b.exe", b"MZ"), as_json=False).content.decode()

    assert "a.txt" in html
    assert "b.exe" in html
    assert words(documents.UnsupportedFile) in html


def test_the_same_file_again_is_nothing_new(owner: Client) -> None:
    first = upload(owner, ("tabela.csv", TABLE))[0]
    again = upload(owner, ("tabela.csv", TABLE))[0]
    changed = upload(owner, ("tabela.csv", TABLE + b"canal;780\n"))[0]

    assert first["id"] == again["id"] == changed["id"]
    assert (first["tone"], again["tone"], changed["tone"]) == ("good", "", "good")
    assert Document.objects.get().version == 2
    assert Document.objects.waiting(timezone.now()).count() == 1


def test_a_category_is_needed_and_days_in_order(owner: Client) -> None:
    files = {"files": SimpleUploadedFile("a.txt", b"oi")}
    headers = {"accept": "application/json"}

    nowhere = owner.post(UPLOAD, files, headers=headers)
    files = {"files": SimpleUploadedFile("a.txt", b"oi")}
    crossed = owner.post(
        UPLOAD,
        {**files, "new_category": "x", "valid_from": "2026-02-01", "valid_until": "2026-01-01"},
        headers=headers,
    )

    assert (nowhere.status_code, crossed.status_code) == (422, 422)
    assert not Document.objects.exists()


def test_files_are_given_days_of_validity(owner: Client) -> None:
    category = Category.objects.create(name="promoções")

    upload(owner, ("a.txt", b"oi"), new_category="", category=category.pk, valid_until="2026-12-31")

    document = Document.objects.get()
    assert document.category == category
    assert str(document.valid_until) == "2026-12-31"


def test_a_file_for_a_document_that_has_expired_is_told_to_be_quoted_no_more(owner: Client) -> None:
    upload(owner, ("a.txt", b"oi"), valid_until="2026-01-31")

    (old,) = upload(owner, ("a.txt", b"oi de novo"))
    (new,) = upload(owner, ("a.txt", b"oi outra vez"), valid_until="2099-12-31")

    assert (old["tone"], new["tone"]) == ("warn", "good")
    assert "versão 2" in old["text"]
    assert "terminou em 31/01/2026" in old["text"]
    assert "terminou" not in new["text"]


def test_progress_is_told_for_the_documents_asked_about(owner: Client) -> None:
    busy, failed = make_document(status="queued"), make_document(status="failed", reason="Vazio.")

    answer = owner.get(f"{LIST}states/?ids={busy.pk}-{failed.pk}-999999").json()["documents"]

    states = {one["id"]: one for one in answer}
    assert set(states) == {busy.pk, failed.pk}
    assert (states[busy.pk]["busy"], states[failed.pk]["busy"]) == (True, False)
    assert states[failed.pk]["problem"] == "Vazio."
    for wrong in ("", "a", "1-", "1--2", "-".join(["1"] * 201), "9" * 30, "9" * 5000):
        assert owner.get(f"{LIST}states/?ids={wrong}").status_code == 400


def test_the_list_without_documents_says_what_to_do(owner: Client) -> None:
    empty = owner.get(LIST).content.decode()
    make_document()
    full = owner.get(LIST).content.decode()

    assert 'id="pz-upload"' in empty
    assert 'id="result_list"' not in empty
    assert 'id="result_list"' in full


def test_filters_find_the_expired_and_the_thrown_away(owner: Client) -> None:
    today = timezone.localdate()
    rows = {name: make_document(name=f"{name}.md") for name in ("usual", "over", "later", "bin")}
    Document.objects.filter(pk=rows["over"].pk).update(valid_until=today - timedelta(days=1))
    Document.objects.filter(pk=rows["later"].pk).update(valid_from=today + timedelta(days=1))
    Document.objects.filter(pk=rows["bin"].pk).update(deleted_at=timezone.now())

    def names(query: str) -> set[str]:
        found = owner.get(LIST + query).context["cl"].result_list
        return {document.name.removesuffix(".md") for document in found}

    assert names("") == {"usual", "over", "later"}
    assert names("?validity=expired") == {"over"}
    assert names("?validity=later") == {"later"}
    assert names("?validity=now") == {"usual"}
    assert names("?bin=1") == {"bin"}


def test_the_page_shows_what_was_read_and_who_gave_it(owner: Client) -> None:
    document = make_document(name="regras.md", text="# Regras da casa\nSem sapatos.")

    html = owner.get(page(document)).content.decode()

    assert "Sem sapatos." in html
    assert ">test<" in html
    assert f"{page(document, 'versions/1/file')}" in html


def test_a_file_is_replaced_and_an_older_one_used_again(owner: Client) -> None:
    document_id = upload(owner, ("tabela.csv", TABLE))[0]["id"]
    document = Document.objects.get(pk=document_id)
    newer = TABLE.replace(b"220", b"230")

    owner.post(page(document, "replace"), {"file": SimpleUploadedFile("outro nome.csv", newer)})
    owner.post(page(document, "replace"), {"file": SimpleUploadedFile("x.txt", b"oi")})
    owner.post(page(document, "versions/1/use"))
    owner.post(page(document, "versions/99/use"))

    document.refresh_from_db()
    assert (document.name, document.version) == ("tabela.csv", 3)
    files = [owner.get(page(document, f"versions/{n}/file")).content for n in (1, 2, 3)]
    assert files == [TABLE, newer, TABLE]
    newest = owner.get(page(document, "file"))
    assert newest.content == TABLE
    assert newest.headers["content-type"] == "application/octet-stream"
    assert newest.headers["content-disposition"].startswith("attachment")
    assert owner.get(page(document, "versions/99/file")).status_code == 404
    assert "document.version_used_again" in trail()


def test_days_of_validity_are_kept_or_refused(owner: Client) -> None:
    document = make_document()

    owner.post(
        page(document, "validity"), {"valid_from": "2026-01-01", "valid_until": "2026-01-31"}
    )
    owner.post(
        page(document, "validity"), {"valid_from": "2027-01-01", "valid_until": "2026-01-31"}
    )
    owner.post(page(document, "validity"), {"valid_from": "ontem"})

    document.refresh_from_db()
    assert [str(document.valid_from), str(document.valid_until)] == ["2026-01-01", "2026-01-31"]
    assert "31/01/2026" in owner.get(page(document)).content.decode()
    assert "31/01/2026" in owner.get(LIST).content.decode()
    assert AuditEntry.objects.filter(action="document.changed").count() == 1


def test_a_failed_document_says_why_and_is_read_again(owner: Client) -> None:
    document = make_document(status="failed", reason="O PDF está protegido por senha.")

    shown = [owner.get(path).content.decode() for path in (page(document), LIST)]
    owner.post(LIST, {"action": "read_again", "_selected_action": [document.pk]})

    document.refresh_from_db()
    assert all("O PDF está protegido por senha." in html for html in shown)
    with translation.override("pt-br"):
        assert str(translation.gettext("Nothing was read of this version.")) in shown[0]
    assert "pz-partly" not in shown[1]
    assert document.status == "queued"
    owner.post(page(document, "read-again"))
    assert Document.objects.waiting(timezone.now()).get() == document


def test_what_is_thrown_away_comes_back_with_one_button(owner: Client) -> None:
    document = make_document(name="a <b>b</b>.md")

    html = owner.post(page(document, "bin"), follow=True).content.decode()
    document.refresh_from_db()
    assert document.deleted_at is not None
    assert f'action="{LIST}undo/?ids={document.pk}"' in html
    assert "a &lt;b&gt;b&lt;/b&gt;.md" in html

    owner.post(f"{LIST}undo/?ids={document.pk}")
    document.refresh_from_db()
    assert document.deleted_at is None
    assert {"document.deleted", "document.restored"} <= trail()


def test_many_are_thrown_away_and_only_those_of_the_bin_removed(owner: Client) -> None:
    kept, first, second = make_document(), make_document(), make_document()

    owner.post(page(kept, "erase"))
    owner.post(LIST, {"action": "move_to_bin", "_selected_action": [first.pk, second.pk]})
    owner.post(page(first, "erase"))
    owner.post(f"{LIST}?bin=1", {"action": "take_out_of_bin", "_selected_action": [second.pk]})

    rows = dict(Document.objects.values_list("pk", "deleted_at"))
    assert rows == {kept.pk: None, second.pk: None}
    assert AuditEntry.objects.filter(action="document.erased").count() == 1


def test_the_same_name_comes_out_of_the_bin(owner: Client) -> None:
    document_id = upload(owner, ("tabela.csv", TABLE))[0]["id"]
    owner.post(f"{LIST}{document_id}/bin/")

    again = upload(owner, ("tabela.csv", TABLE))[0]

    assert again["id"] == document_id
    assert again["tone"] == "good"
    assert Document.objects.get().deleted_at is None


POSTS = ("validity", "replace", "read-again", "bin", "restore", "erase", "versions/1/use", "delete")


@pytest.mark.parametrize("role", ["auditor", "attendant"])
def test_who_may_only_look_changes_nothing(role: str, alpha: Tenant) -> None:
    document = make_document()
    client = as_role(role)

    codes = {client.post(page(document, end)).status_code for end in POSTS}
    codes.add(client.post(UPLOAD, {"new_category": "x"}).status_code)
    codes.add(client.post(f"{LIST}undo/?ids={document.pk}").status_code)

    assert codes == {403}
    assert client.get(page(document)).status_code == (200 if role == "auditor" else 403)
    assert 'id="pz-upload"' not in client.get(LIST).content.decode()


@pytest.mark.parametrize("end", [*POSTS[:-1], "../upload", "../undo"])
def test_nothing_is_changed_by_an_address_or_without_a_token(end: str, owner: Client) -> None:
    document = make_document()
    strict = Client(enforce_csrf_checks=True, headers={"host": "alpha.localhost"})
    strict.cookies["sessionid"] = owner.cookies["sessionid"].value
    path = page(document, end).replace(f"{document.pk}/../", "")

    assert owner.get(path).status_code == 405
    assert strict.post(path).status_code == 403


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_hostile_name_stays_text(text: str, owner: Client) -> None:
    document = make_document(name=f"{text[:150]}.md", status="failed", reason=text, text=text)
    Document.objects.filter(pk=document.pk).update(notice=text)

    for path in (LIST, page(document)):
        reader = _Reader()
        reader.feed(owner.get(path).content.decode())
        assert reader.live == [], path
        assert text[:40] in reader.text, path


def test_two_tenants_with_the_same_ids_do_not_meet(
    owner: Client, beta: Tenant, in_beta: Callable[[Callable[[], object]], object]
) -> None:
    ours = make_document(name="nosso.md", text="nosso texto")
    with tenant_context(beta):
        theirs = make_document(name="deles.md", text="texto deles")
        assert theirs.pk == ours.pk
        stranger = as_role("owner", username="eva")

    assert "deles" not in owner.get(page(ours)).content.decode()
    owner.post(page(ours, "bin"))
    owner.post(page(ours, "erase"))

    assert not Document.objects.exists()
    with tenant_context(beta):
        assert Document.objects.get().deleted_at is None
        assert "texto deles" in stranger.get(page(theirs)).content.decode()


def test_a_file_named_like_a_web_page_in_the_bin_stays_there_and_says_so(owner: Client) -> None:
    document = make_document(name="horarios.md")
    source = WebSource.objects.create(category=document.category, url="https://example.com/")
    Document.objects.filter(pk=document.pk).update(web_source=source, deleted_at=timezone.now())

    result = upload(
        owner, ("horarios.md", b"# Abre"), new_category="", category=document.category_id
    )[0]

    document.refresh_from_db()
    assert document.deleted_at is not None
    assert result["tone"] == "warn"
    stored = documents.Stored(document=document, changed=True)
    with translation.override("pt-br"):
        assert result["text"] == pages.received(stored)
    with translation.override("en"):
        assert "answers nothing" in pages.received(stored)


def test_a_version_whose_file_was_pruned_says_so(owner: Client) -> None:
    document = make_document()
    DocumentVersion.objects.create(
        document=document,
        number=2,
        original=b"# Precos 2",
        n_bytes=10,
        content_sha256="1" * 64,
        created_at=timezone.now(),
    )
    Document.objects.filter(pk=document.pk).update(version=2)
    document.versions.filter(number=1).update(original=None)

    with translation.override("pt-br"):
        shown = owner.get(page(document)).content.decode()
        downloaded = owner.get(page(document, "versions/1/file"), follow=True).content.decode()
        used = owner.post(page(document, "versions/1/use"), follow=True).content.decode()

    assert page(document, "versions/1/file") not in shown
    assert page(document, "versions/1/use") not in shown
    assert page(document, "versions/2/file") in shown
    why = words(versions.FileNotKept)
    assert why in downloaded
    assert why in used
