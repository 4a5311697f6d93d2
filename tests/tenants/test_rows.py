"""Several rows, each with its own values, by one statement."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DataError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import tenant_context

from conversations.models import Conversation, OutboundMessage, Turn
from integrations.models import ModelCall
from knowledge.models import Search
from tenants.rows import insert_each, update_each
from tests.factories import make_agent, make_device, message_body, receive


def test_each_row_gets_its_own_values_and_nothing_else(alpha, django_assert_num_queries):
    device = make_device(make_agent())
    for number in range(3):
        receive(device, message_body(phone=f"551190000000{number}"))
    first, second, _ = Conversation.objects.order_by("pk")
    first.mode_reason, first.agent_id, first.first_pending_at = "it's \\ 'quoted'", None, None
    second.mode_reason, second.first_pending_at = "ã\n", datetime(2026, 1, 2, tzinfo=UTC)
    second.n_pending = 99  # not among the fields

    with django_assert_num_queries(1):
        update_each([first, second], ["mode_reason", "agent", "first_pending_at"])

    found = list(Conversation.objects.order_by("pk"))
    assert [one.mode_reason for one in found] == ["it's \\ 'quoted'", "ã\n", ""]
    assert [one.agent_id is None for one in found] == [True, False, False]
    assert [one.first_pending_at for one in found[:2]] == [None, second.first_pending_at]
    assert [one.n_pending for one in found] == [1, 1, 1]


def test_what_is_too_long_is_refused_and_not_cut(alpha):
    receive(make_device(make_agent()), message_body())
    conversation = Conversation.objects.get()
    conversation.mode_reason = "x" * 201

    with pytest.raises(DataError), transaction.atomic():
        update_each([conversation], ["mode_reason"])


def test_nothing_is_asked_for_no_rows(alpha, django_assert_num_queries):
    with django_assert_num_queries(0):
        update_each([], ["status"])


@pytest.mark.parametrize("model", [Conversation, Turn, OutboundMessage])
def test_every_field_of_the_hot_rows_can_be_changed(alpha, model):
    names = [one.name for one in model._meta.fields if not one.primary_key]

    update_each([model(pk=-1)], names)  # such a row does not exist


def test_few_rows_of_a_large_table_are_found_by_their_keys(alpha):
    insert_each([call() for _ in range(3000)])
    with connection.cursor() as cursor:
        cursor.execute("analyze integrations_modelcall")
    last = ModelCall.objects.order_by("pk").last()

    with CaptureQueriesContext(connection) as said:
        update_each([last], ["model"])
    with connection.cursor() as cursor:
        cursor.execute("explain " + said[-1]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "Index Scan" in plan
    assert "Seq Scan" not in plan


NOW = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)


def call(**changed: object) -> ModelCall:
    usual = {"called_at": NOW, "purpose": "chat", "origin": "customer", "provider": "openai"}
    return ModelCall(**{**usual, "cost_kind": "unknown", **changed})


def test_rows_are_inserted_as_they_are(alpha):
    odd = 'it\'s \\ "quoted" {}, [] \\u0041 ã 😀\n\t%s'
    first = call(
        cost_kind="exact",
        cost_usd=Decimal("0.0000012300"),
        turn_uuid=uuid.uuid4(),
        agent_name=odd[:80],
        seconds=0.1,
        price={"a": [1, None, odd], odd: {"b": True}},
    )
    second = call(input_tokens=7)

    insert_each([first, second])

    found = list(ModelCall.objects.order_by("pk"))
    for given, stored in zip([first, second], found, strict=True):
        for field in ModelCall._meta.concrete_fields:
            if not field.primary_key:
                wanted, got = (getattr(one, field.attname) for one in (given, stored))
                assert got == wanted, field.name
    assert ModelCall.objects.filter(agent_uuid=None, price={}).get().uuid == second.uuid


def test_rows_are_changed_to_what_they_are(alpha):
    odd = 'it\'s \\ "quoted" {}, [] \\u0041 ã 😀\n\t%s'
    insert_each([call(), call()])
    first, second = ModelCall.objects.order_by("pk")
    first.cost_kind, first.cost_usd = "exact", Decimal("0.0000012300")
    first.turn_uuid, first.seconds = uuid.uuid4(), 0.1
    first.agent_name, first.price = odd[:80], {"a": [1, None, odd], odd: {"b": True}}
    second.input_tokens, second.agent_name = 7, "a\x00b"
    fields = [one.name for one in ModelCall._meta.concrete_fields if not one.primary_key]

    update_each([first, second], fields)

    second.agent_name = "ab"
    for given, stored in zip([first, second], ModelCall.objects.order_by("pk"), strict=True):
        for field in ModelCall._meta.concrete_fields:
            wanted, got = (getattr(one, field.attname) for one in (given, stored))
            assert got == wanted, field.name


def test_what_is_empty_is_null_and_not_the_json_null(alpha):
    search = Search(
        origin="chat", question="q", decision="answer", confidence=1, threshold=0, created_at=NOW
    )

    insert_each([search])

    assert Search.objects.filter(category_ids__isnull=True, best_cosine=None).exists()


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("a\x00b", "ab"),
        ("a\\u0000b", "a\\u0000b"),
        ("a\\\x00b\\\\u0000", "a\\b\\\\u0000"),
    ],
    ids=["nul", "its-letters", "both"],
)
def test_a_nul_is_left_out_and_its_letters_are_kept(alpha, written, stored):
    insert_each([call(agent_name=written, price={"said": written})])

    found = ModelCall.objects.get()
    assert (found.agent_name, found.price) == (stored, {"said": stored})


def test_a_text_that_is_too_long_is_not_inserted(alpha):
    with pytest.raises(DataError), transaction.atomic():
        insert_each([call(agent_name="x" * 81)])


def test_rows_go_into_the_tenant_that_is_chosen(alpha, beta):
    with tenant_context(beta):
        insert_each([call()])

    with tenant_context(alpha):
        assert not ModelCall.objects.exists()
