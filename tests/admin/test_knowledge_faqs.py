"""The pages of the questions and answers."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from knowledge.models import Category, Document
from knowledge.services import documents, faqs, ingesting
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.test_hostile_texts import TEXTS, _Reader
from tests.admin.test_pages import count_queries
from tests.knowledge.factories import NOW

LIST = "/admin/knowledge/document/faqs/"
PAIR = {"question": "Abrem aos sábados?", "answer": "Sim, das 8h às 12h.", "new_category": "geral"}


def save(question: str = "Abrem aos sábados?", answer: str = "Sim.", **extra: Any) -> Document:
    return faqs.save_faq(
        category=documents.ensure_category(name="geral"),
        question=question,
        answer=answer,
        phrasings=extra.pop("phrasings", ()),
        now=NOW,
        actor="ana",
        **extra,
    )


def test_a_pair_is_typed_changed_and_thrown_away(owner: Client) -> None:
    owner.post(f"{LIST}add/", {**PAIR, "phrasings": "sábado abre?\nfim de semana"})
    document = Document.objects.get()
    category = Category.objects.get()
    assert (document.kind, document.category) == ("faq", category)
    assert Document.objects.waiting(timezone.now()).get() == document

    edit = f"{LIST}{document.pk}/"
    html = owner.get(edit).content.decode()
    assert "fim de semana" in html
    owner.post(
        edit,
        {**PAIR, "answer": "Não.", "new_category": "", "category": category.pk, "phrasings": ""},
    )
    document.refresh_from_db()
    kept = faqs.read_faq(document)
    assert kept is not None
    assert (kept.answer, kept.phrasings, document.version) == ("Não.", (), 2)

    owner.post(f"/admin/knowledge/document/{document.pk}/bin/")
    assert owner.get(edit).status_code == 404
    assert "Abrem aos" not in owner.get(LIST).content.decode().split('class="pz-page"')[1]
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"document.created", "document.changed", "document.deleted"} <= actions


def test_what_is_refused_is_said_and_nothing_typed_is_lost(owner: Client) -> None:
    save()

    twice = owner.post(f"{LIST}add/", PAIR)
    nowhere = owner.post(f"{LIST}add/", {**PAIR, "question": "Outra?", "new_category": ""})

    assert twice.status_code == nowhere.status_code == 200
    assert "Sim, das 8h às 12h." in twice.content.decode()
    assert 'role="alert"' in twice.content.decode()
    assert "Outra?" in nowhere.content.decode()
    assert Document.objects.count() == 1


def test_a_question_that_comes_along_is_filled_in(owner: Client) -> None:
    html = owner.get(f"{LIST}add/?question=Tem+vaga%3F").content.decode()

    assert 'value="Tem vaga?"' in html


def test_the_list_is_searched_in_questions_and_answers(owner: Client) -> None:
    save()
    second = save("Tem vaga?", "Sim, ao lado.")
    ingesting.ingest_document(document_id=second.pk, now=NOW)

    def found(query: str) -> set[str]:
        rows = owner.get(f"{LIST}?{query}").context["rows"]
        return {row["entry"].faq.question for row in rows}

    assert found("") == {"Abrem aos sábados?", "Tem vaga?"}
    assert found("q=abrem") == {"Abrem aos sábados?"}
    assert found("q=ao+lado") == {"Tem vaga?"}
    assert found("q=nada") == set()
    assert found("q=%00nada") == set()
    assert found("category=999") == set()


def test_the_list_costs_the_same_queries_however_long_it_is(owner: Client) -> None:
    save()
    owner.get(LIST)
    n_short = count_queries(owner, LIST)
    for number in range(8):
        save(f"Pergunta {number}?")

    assert count_queries(owner, LIST) == n_short


def test_a_question_that_was_asked_anew_stays_in_the_bin(owner: Client) -> None:
    document = save()
    owner.post(f"/admin/knowledge/document/{document.pk}/bin/", follow=True)
    save(PAIR["question"].upper(), "Não.")

    told = owner.post(f"/admin/knowledge/document/{document.pk}/restore/", follow=True)

    document.refresh_from_db()
    assert document.deleted_at is not None
    assert [str(one) for one in told.context["messages"]] == [str(faqs.FaqExists())]


def test_many_are_pasted_and_what_is_refused_is_listed(owner: Client) -> None:
    all_good = owner.post(
        f"{LIST}paste/", {"pasted": "Aceita Pix?;Sim\nTem vaga?;Sim", "new_category": "geral"}
    )
    some = owner.post(
        f"{LIST}paste/", {"pasted": "Aceita Pix?;Não\nSó isso", "new_category": "geral"}
    )

    assert all_good.status_code == 302
    assert "Só isso" in some.content.decode()
    assert [one.outcome.value for one, _label in some.context["results"]] == ["changed", "refused"]
    assert Document.objects.count() == 2
    assert AuditEntry.objects.filter(action="category.faqs_pasted").count() == 2


@pytest.mark.parametrize("role", ["auditor", "attendant"])
def test_who_may_only_look_types_nothing(role: str, alpha: Tenant) -> None:
    document = save()
    client = as_role(role)
    sees = 200 if role == "auditor" else 403

    assert client.get(LIST).status_code == sees
    assert client.get(f"{LIST}{document.pk}/").status_code == sees
    for end in ("add/", "paste/", f"{document.pk}/"):
        assert client.post(f"{LIST}{end}", PAIR).status_code == 403
    assert Document.objects.get().version == 1


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_hostile_pair_stays_text(text: str, owner: Client) -> None:
    document = save(text, text, phrasings=[f"{text} ?"])

    for path in (LIST, f"{LIST}{document.pk}/", f"{LIST}?q={text[:20]}"):
        reader = _Reader()
        reader.feed(owner.get(path).content.decode())
        assert reader.live == [], path


def test_two_tenants_do_not_see_each_others_questions(owner: Client, beta: Tenant) -> None:
    ours = save()
    with tenant_context(beta):
        save("Pergunta deles?", "Resposta deles.")
        theirs = Document.objects.get()

    assert "deles" not in owner.get(LIST).content.decode()
    if theirs.pk != ours.pk:
        assert owner.get(f"{LIST}{theirs.pk}/").status_code == 404


def without_shelves() -> Client:
    """Return a manager's browser that may do all but make categories."""
    client = as_role("manager", username="bia")
    user = User.objects.get(username="bia")
    user.user_permissions.set(
        Permission.objects.filter(group__name="manager").exclude(codename="add_category")
    )
    user.groups.clear()
    return client


@pytest.mark.parametrize(
    ("url", "given"),
    [
        (f"{LIST}add/", PAIR),
        (f"{LIST}paste/", {"pasted": "Abre?;Sim.", "new_category": "geral"}),
        (
            "/admin/knowledge/websource/add-source/",
            {
                "url": "https://example.com/",
                "kind": "page",
                "every_hours": 24,
                "max_pages": 1,
                "category": "geral",
            },
        ),
    ],
)
def test_a_category_is_made_by_those_who_may(
    alpha: Tenant, url: str, given: dict[str, Any]
) -> None:
    client = without_shelves()

    refused = client.post(url, given)

    assert refused.status_code == 200
    assert refused.context["form"].errors
    assert not Category.objects.exists()
    Category.objects.create(name="geral")
    assert client.post(url, given).status_code == 302
    assert Category.objects.count() == 1
