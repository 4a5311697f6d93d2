"""Several rows, each with its own values, by one statement."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import DataError, transaction

from conversations.models import Conversation, OutboundMessage, Turn
from tenants.rows import update_each
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
def test_every_field_of_the_hot_rows_has_a_type_that_a_list_can_have(alpha, model):
    names = [one.name for one in model._meta.fields if not one.primary_key]

    update_each([model(pk=-1)], names)  # such a row does not exist
