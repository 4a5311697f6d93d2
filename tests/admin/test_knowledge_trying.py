"""The page on which questions are tried out, and the settings of the search."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from agents.models import Agent
from knowledge.models import Document, KnowledgeSettings, Search
from knowledge.services import documents, trying
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.admin.conftest import as_role
from tests.admin.rows import fill_everything, make_document
from tests.admin.test_hostile_texts import TEXTS, _Reader
from tests.knowledge.factories import PRICES, ready

SETTINGS = "/admin/knowledge/knowledgesettings/"
TEST = f"{SETTINGS}test/"
QUESTION = "quanto custa a limpeza?"


def ask(client: Client, question: str = QUESTION, **extra: object) -> Search:
    answer = client.post(TEST, {"question": question, **extra})
    assert answer.status_code == 302, answer.context["form"].errors
    page = client.get(answer.headers["location"])
    shown = page.context["shown"]
    assert isinstance(shown, Search)
    return shown


def test_a_question_is_answered_with_its_passages_and_kept(owner: Client) -> None:
    document = ready()

    test = ask(owner)

    html = owner.get(f"{TEST}?search={test.uuid}").content.decode()
    assert (test.origin, test.asked_by, test.answered) == ("test", "owner", None)
    assert test.passages[0]["document"] == document.name
    assert "R$ 220,00" in html
    assert f"/admin/knowledge/document/{document.pk}/change/?version=1" in html
    assert f"{round(test.confidence * 100)}%" in html


def test_settings_of_a_test_hold_for_it_alone(owner: Client) -> None:
    ready()
    usual = ask(owner)
    share = round(usual.confidence * 100)

    strict = ask(owner, answer_from=100, ask_from=min(99, share + 1))
    between = ask(owner, answer_from=100, ask_from=max(1, share - 1))
    few = ask(owner, k=1, weight_meaning="0", weight_words="1", weight_grams="0")

    assert [usual.decision, strict.decision, between.decision] == ["answer", "unknown", "ask"]
    assert len(few.passages) == 1
    assert few.settings["weights"] == [0, 1, 0]
    assert not KnowledgeSettings.objects.exists()
    assert trying.trial_of(few) == trying.Trial(question=QUESTION, k=1, weights=(0, 1, 0))


def test_a_test_is_run_again_with_its_settings(owner: Client) -> None:
    ready()
    first = ask(owner, k=2, previous="oi")

    owner.post(TEST, {"again": str(first.uuid)})

    again = Search.objects.order_by("pk").last()
    assert again is not None
    assert again.pk != first.pk
    assert (again.question, again.previous, len(again.passages)) == (QUESTION, "oi", 2)


def test_a_day_in_the_past_finds_what_was_valid_then(owner: Client) -> None:
    document = ready()
    today = timezone.localdate()
    Document.objects.filter(pk=document.pk).update(valid_until=today - timedelta(days=1))

    then = ask(owner, on=(today - timedelta(days=1)).isoformat())

    assert then.passages
    assert then.settings["on"] == (today - timedelta(days=1)).isoformat()


def test_it_is_looked_where_the_agent_looks(owner: Client) -> None:
    document = ready()
    other = documents.ensure_category(name="outra")
    ready(PRICES.replace("220,00", "999,00"), category=other)
    agent = Agent.objects.create(name="Vendas", kind="general")
    agent.categories.set([other])

    as_agent = ask(owner, scope=f"agent:{agent.pk}")
    in_category = ask(owner, scope=f"category:{document.category_id}")

    assert as_agent.agent_name == "Vendas"
    assert {one["category"] for one in as_agent.passages} == {"outra"}
    assert {one["category"] for one in in_category.passages} == {"precos"}


def test_what_was_tried_is_kept_as_settings_on_request(owner: Client) -> None:
    owner.post(TEST, {"question": QUESTION, "answer_from": 70, "k": 3, "keep": "1"})

    kept = KnowledgeSettings.objects.get()
    assert (kept.answer_threshold, kept.ask_threshold, kept.n_passages) == (0.7, None, 3)
    entry = AuditEntry.objects.get(action="knowledgesettings.changed")
    assert entry.data == {"fields": ["answer_threshold", "n_passages"]}
    assert not Search.objects.exists()


def test_settings_are_kept_emptied_and_refused(owner: Client) -> None:
    owner.post(SETTINGS, {"answer_from": 60, "ask_from": 20, "k": 4})
    crossed = owner.post(SETTINGS, {"answer_from": 20, "ask_from": 60, "k": 4})
    outside = owner.post(SETTINGS, {"answer_from": 101, "ask_from": "", "k": 0})
    row = KnowledgeSettings.objects.get()
    assert (row.answer_threshold, row.ask_threshold, row.n_passages) == (0.6, 0.2, 4)
    assert crossed.status_code == outside.status_code == 200
    assert 'role="alert"' in crossed.content.decode()

    owner.post(SETTINGS, {"answer_from": "", "ask_from": "", "k": ""})

    row.refresh_from_db()
    assert (row.answer_threshold, row.ask_threshold, row.n_passages) == (None, None, 5)
    assert AuditEntry.objects.filter(action="knowledgesettings.changed").count() == 2


def test_an_empty_knowledge_finds_nothing_and_says_what_to_do(owner: Client) -> None:
    test = ask(owner)

    html = owner.get(f"{TEST}?search={test.uuid}").content.decode()
    assert (test.decision, test.passages) == ("unknown", [])
    assert f'<input type="hidden" name="question" value="{QUESTION}">' in html


def test_an_unknown_test_and_a_question_of_a_conversation_are_not_shown(owner: Client) -> None:
    fill_everything()
    chat = Search.objects.get(origin="chat")

    for wrong in ("x", str(chat.uuid), "00000000-0000-0000-0000-000000000000"):
        assert owner.get(f"{TEST}?search={wrong}").context["shown"] is None


@pytest.mark.parametrize(("role", "sees"), [("manager", 200), ("auditor", 200), ("attendant", 403)])
def test_who_may_look_and_who_may_try(role: str, sees: int, alpha: Tenant) -> None:
    client = as_role(role)
    may_try = role == "manager"

    assert client.get(TEST).status_code == sees
    assert client.get(SETTINGS).status_code == sees
    assert client.post(TEST, {"question": "oi"}).status_code == (302 if may_try else 403)
    assert client.post(SETTINGS, {"k": 4}).status_code == (302 if may_try else 403)


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_a_hostile_test_stays_text(text: str, owner: Client) -> None:
    fill_everything(text=text)
    test = Search.objects.get(origin="test")
    Search.objects.filter(pk=test.pk).update(agent_name=text[:80])

    reader = _Reader()
    reader.feed(owner.get(f"{TEST}?search={test.uuid}").content.decode())

    assert reader.live == []
    assert text[:55] in reader.text


def test_two_tenants_do_not_see_each_others_tests(owner: Client, beta: Tenant) -> None:
    with tenant_context(beta):
        make_document()
        fill_everything(text="pergunta deles")
        theirs = Search.objects.get(origin="test")
        trying.save_settings(answer_threshold=0.9, ask_threshold=0.8, n_passages=9)

    html = owner.get(f"{TEST}?search={theirs.uuid}").content.decode()

    assert "deles" not in html
    assert trying.settings_in_force().n_passages == 5
