"""Calling tools: a change is made once, whoever asks for it again, and whatever dies."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from integrations import http
from integrations.egress import Egress
from integrations.models import Breaker, HttpTool, HttpToolCall, Notice
from integrations.services import breakers, http_tools, notices, tool_editing
from integrations.services.http_tools import Asking, NotWaiting
from integrations.services.tool_outcomes import State
from tenants.models import Tenant
from tests.fakes.http import Answer, json_answer
from tests.integrations.tools import DAY, PHONE, Shop, define, make_tool
from tests.workers import at_once

VALUES = {"day": "2026-11-23", "phone": "5511988887777"}
ASKING = Asking("burst-1", "Agenda", uuid4(), uuid4())


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    breakers.forget()
    yield
    breakers.forget()


@pytest.fixture
def shop() -> Iterator[Shop]:
    with Shop() as shop:
        yield shop


def test_a_change_is_made_once_for_the_same_messages(alpha: Tenant, shop: Shop) -> None:
    booking = define(shop.url)
    shop.respond = lambda _: json_answer({"code": "B-1"})

    first = http_tools.call(booking, VALUES, asking=ASKING)
    again = http_tools.call(
        booking, {**VALUES, "day": " 2026-11-23"}, asking=replace(ASKING, turn_uuid=uuid4())
    )
    # The messages have moved to the conversation of who is the same person.
    moved = http_tools.call(booking, VALUES, asking=replace(ASKING, conversation_uuid=uuid4()))

    assert (first.state, first.text) == (State.DONE, '{"code": "B-1"}')
    assert (again.state, again.text) == (State.BEFORE, '{"code": "B-1"}')
    assert moved.state is State.BEFORE
    assert len(shop.received) == 1
    kept = HttpToolCall.objects.get()
    assert shop.keys == [str(kept.uuid)]
    assert shop.received[0].json() == VALUES
    assert "5511988887777" not in kept.arguments
    assert (kept.status, kept.status_code, kept.tool_name) == ("done", 200, "book")


def test_later_messages_may_ask_for_the_same_once_more(alpha: Tenant, shop: Shop) -> None:
    booking = define(shop.url)

    http_tools.call(booking, VALUES, asking=ASKING)
    http_tools.call(booking, VALUES, asking=replace(ASKING, burst="burst-2"))

    assert len(set(shop.keys)) == 2


def test_other_arguments_for_the_same_messages_are_limited(alpha: Tenant, shop: Shop) -> None:
    booking = define(shop.url)
    http_tools.call(booking, VALUES, asking=ASKING)

    refused = http_tools.call(booking, {**VALUES, "day": "23/11"}, asking=ASKING)

    assert refused.state is State.REFUSED
    assert "already" in refused.reason
    assert len(shop.received) == 1


def test_what_changes_nothing_is_asked_each_time(alpha: Tenant, shop: Shop) -> None:
    reading = define(shop.url, method="GET", risk="read")

    for _ in range(2):
        assert http_tools.call(reading, VALUES, asking=ASKING).state is State.DONE

    assert shop.keys == ["", ""]
    assert shop.received[0].query == "day=2026-11-23&phone=5511988887777"
    assert HttpToolCall.objects.count() == 2


def test_a_change_that_was_refused_may_be_asked_for_again(alpha: Tenant, shop: Shop) -> None:
    booking = define(shop.url)
    shop.respond = lambda _: json_answer({"why": "taken"}, status=409)
    refused = http_tools.call(booking, VALUES, asking=ASKING)
    shop.respond = lambda _: json_answer({"ok": True})

    again = http_tools.call(booking, VALUES, asking=ASKING)

    assert (refused.state, refused.reason, refused.text) == (
        State.REFUSED,
        "HTTP 409",
        '{"why": "taken"}',
    )
    assert again.state is State.DONE
    assert len(set(shop.keys)) == 1


@pytest.mark.parametrize(
    "trouble",
    [Answer(500), Answer(delay_s=30), Answer(parts=(b"{",), cut=True)],
    ids=["error", "silence", "hang up"],
)
def test_a_change_of_unknown_outcome_is_never_repeated(
    alpha: Tenant, shop: Shop, trouble: Answer
) -> None:
    booking = define(shop.url, timeout_s=1)
    shop.respond = lambda _: trouble
    assert http_tools.call(booking, VALUES, asking=ASKING).state is State.UNKNOWN
    shop.respond = lambda _: json_answer({"ok": True})

    assert http_tools.call(booking, VALUES, asking=ASKING).state is State.UNKNOWN

    assert len(shop.received) == 1
    assert HttpToolCall.objects.get().status == "unknown"


def test_it_is_repeated_under_its_key_where_the_other_system_knows_it(
    alpha: Tenant, shop: Shop
) -> None:
    booking = define(shop.url, repeats_safely=True)
    shop.respond = lambda _: Answer(500)
    http_tools.call(booking, VALUES, asking=ASKING)
    shop.respond = lambda _: json_answer({"ok": True})

    assert http_tools.call(booking, VALUES, asking=ASKING).state is State.DONE

    assert len(shop.received) == 2
    assert len(set(shop.keys)) == 1


@pytest.mark.parametrize(("repeats_safely", "n_calls"), [(False, 0), (True, 1)])
def test_a_change_whose_worker_died(
    alpha: Tenant, shop: Shop, repeats_safely: bool, n_calls: int
) -> None:
    booking = define(shop.url, repeats_safely=repeats_safely)
    row = http_tools._claim(booking, VALUES, asking=ASKING)
    assert isinstance(row, HttpToolCall)
    assert http_tools.call(booking, VALUES, asking=ASKING).state is State.UNKNOWN  # under way
    HttpToolCall.objects.update(started_at=timezone.now() - timedelta(minutes=5))

    found = http_tools.call(booking, VALUES, asking=ASKING)

    assert found.state is (State.DONE if repeats_safely else State.UNKNOWN)
    assert len(shop.received) == n_calls


def test_nobody_there_means_nothing_was_done(alpha: Tenant) -> None:
    with Shop() as gone:
        url = gone.url
    booking = define(url)

    called = http_tools.call(booking, VALUES, asking=ASKING)

    assert called.state is State.REFUSED
    assert HttpToolCall.objects.get().status == "failed"


def test_an_address_of_our_own_network_is_refused(alpha: Tenant) -> None:
    called = http_tools.call(define("http://169.254.169.254/x"), VALUES, asking=ASKING)

    assert called.state is State.REFUSED
    assert "refused address" in called.reason


def test_what_the_platform_may_reach_a_tool_may_not(
    alpha: Tenant, shop: Shop, settings: Any
) -> None:
    settings.EGRESS_ALLOWED_TENANTS = []
    assert settings.EGRESS_ALLOWED_PRIVATE == ["127.0.0.1"]
    assert http.request("GET", shop.url, egress=Egress.PLATFORM).status == 200  # stays open

    called = http_tools.call(define(shop.url), VALUES, asking=ASKING)

    assert called.state is State.REFUSED
    assert called.reason == "refused address: not public (see EGRESS_ALLOWED_TENANTS)"
    assert len(shop.received) == 1


def test_a_redirect_is_not_followed_and_a_long_answer_not_read(alpha: Tenant, shop: Shop) -> None:
    reading = define(shop.url, method="GET", risk="read", max_kb=1)
    shop.respond = lambda _: Answer(302, {"location": f"{shop.url}/elsewhere"})
    assert http_tools.call(reading, VALUES, asking=ASKING).reason == "HTTP 302"
    shop.respond = lambda _: Answer(200, body=b"x" * 2_000)

    assert "larger" in http_tools.call(reading, VALUES, asking=ASKING).reason
    assert len(shop.received) == 2


def test_a_tool_that_keeps_failing_is_paused_and_owners_are_told(alpha: Tenant, shop: Shop) -> None:
    reading = define(shop.url, method="GET", risk="read")
    shop.respond = lambda _: Answer(503)
    for _ in range(breakers.MAX_FAILURES):
        http_tools.call(reading, VALUES, asking=ASKING)

    called = http_tools.call(reading, VALUES, asking=ASKING)

    assert (called.state, called.reason) == (State.REFUSED, "it is paused after failures")
    assert len(shop.received) == breakers.MAX_FAILURES
    assert Breaker.objects.get().model == "book"
    assert Notice.objects.get().kind == "breaker.opened"


def test_no_transaction_is_open_while_another_system_is_waited_for(
    alpha: Tenant, shop: Shop
) -> None:
    booking = define(shop.url)

    with pytest.raises(RuntimeError), transaction.atomic():
        http_tools.call(booking, VALUES, asking=ASKING)

    assert shop.received == []


def test_two_workers_make_one_change(committed_alpha: Tenant, shop: Shop) -> None:
    booking = define(shop.url)
    together = threading.Barrier(4)

    def work(_: int) -> State:
        try:
            with schema_context("t_alpha"):
                together.wait(60)
                return http_tools.call(booking, VALUES, asking=ASKING).state
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(work, range(4)))

    assert len(shop.received) == 1
    assert states.count(State.DONE) == 1
    assert set(states) <= {State.DONE, State.BEFORE, State.UNKNOWN}
    assert HttpToolCall.objects.get().status == "done"


def test_two_tenants_with_the_same_ids_share_nothing(
    alpha: Tenant, beta: Tenant, shop: Shop
) -> None:
    shop.respond = lambda got: json_answer({"who": got.headers["authorization"]})
    booking = define(shop.url, auth_kind="bearer", secret="of-alpha")
    http_tools.call(booking, VALUES, asking=ASKING)
    tool = make_tool(shop.url, auth_kind="bearer", secret="of-alpha")

    with tenant_context(beta):
        assert not HttpToolCall.objects.exists()
        other = define(shop.url, auth_kind="bearer", secret="of-beta")
        called = http_tools.call(replace(other, ref=booking.ref), VALUES, asking=ASKING)
        assert called.state is State.DONE
        assert called.text == '{"who": "Bearer of-beta"}'
        assert list(http_tools.active()) == [str(other.ref)]
        HttpTool.objects.update(secret_encrypted=tool.secret_encrypted)
        http_tools.forget()
        assert http_tools.active() == {}  # what was copied from another tenant is unreadable

    assert len(shop.received) == 2


def test_what_a_person_has_to_allow_waits_and_is_done_once(alpha: Tenant, shop: Shop) -> None:
    refund = define(shop.url, risk="approval", name="refund")
    for _ in range(2):
        http_tools.propose(refund, VALUES, asking=ASKING)
    waiting = HttpToolCall.objects.get()
    assert (waiting.status, shop.received) == ("waiting", [])
    assert "5511988887777" not in waiting.arguments + waiting.arguments_encrypted
    assert [one.kind for one in notices.unseen()] == ["tool.waiting"]

    called = http_tools.decide(call_id=waiting.pk, is_yes=True, actor="ana")

    assert called.state is State.DONE
    assert shop.received[0].json() == VALUES
    with pytest.raises(NotWaiting):
        http_tools.decide(call_id=waiting.pk, is_yes=True, actor="rui")
    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by, waiting.arguments_encrypted) == ("done", "ana", "")
    assert (notices.unseen(), Notice.objects.get().seen_by) == ([], "ana")


def test_what_is_declined_is_never_done(alpha: Tenant, shop: Shop) -> None:
    http_tools.propose(define(shop.url, risk="approval"), VALUES, asking=ASKING)
    waiting = HttpToolCall.objects.get()

    http_tools.decide(call_id=waiting.pk, is_yes=False, actor="ana")

    with pytest.raises(NotWaiting):
        http_tools.decide(call_id=waiting.pk, is_yes=True, actor="ana")
    assert shop.received == []


def test_what_no_longer_fits_its_tool_goes_on_waiting(alpha: Tenant, shop: Shop) -> None:
    http_tools.propose(define(shop.url, risk="approval"), VALUES, asking=ASKING)
    waiting = HttpToolCall.objects.get()
    changes: tuple[dict[str, Any], ...] = (
        {"url": f"{shop.url}/{{order}}", "parameters": [{"name": "order", "value": "A-1"}]},
        {"url": f"{shop.url}/other"},
        {"method": "PUT"},
        {"parameters": [DAY, PHONE, {"name": "unit", "from": "fixed", "value": "cents"}]},
        {"parameters": [{**DAY, "description": "The day before."}, PHONE]},
        {"headers": {"X-Store": "2"}},
    )

    for change in changes:
        make_tool(**{"url": shop.url, "headers": {}, "risk": "approval", **change})
        with pytest.raises(http_tools.NoLongerFits):
            http_tools.decide(call_id=waiting.pk, is_yes=True, actor="ana")

    waiting.refresh_from_db()
    assert (waiting.status, waiting.decided_by, shop.received) == ("waiting", "", [])
    assert waiting.plain_arguments() == VALUES
    other = {**DAY, "value": "2027-01-01"}  # an example, and what the model sees of the answer
    make_tool(shop.url, headers={}, risk="approval", parameters=[other, PHONE], max_kb=3)
    HttpToolCall.objects.update(fitting_hash="")
    with pytest.raises(http_tools.NoLongerFits):  # of before this was kept
        http_tools.decide(call_id=waiting.pk, is_yes=True, actor="ana")
    HttpToolCall.objects.update(fitting_hash=waiting.fitting_hash)
    assert http_tools.decide(call_id=waiting.pk, is_yes=True, actor="ana").state is State.DONE


def test_a_call_whose_process_died_is_given_up_and_told_once(
    alpha: Tenant, beta: Tenant, shop: Shop
) -> None:
    for tenant in (alpha, beta):
        with tenant_context(tenant):
            http_tools._claim(define(shop.url), VALUES, asking=ASKING)
    http_tools._claim(
        define(shop.url, name="look", method="GET", risk="read"), VALUES, asking=ASKING
    )
    later = timezone.now() + timedelta(seconds=70)

    assert http_tools.settle_lost(now=later - timedelta(seconds=15)) == 0
    assert [http_tools.settle_lost(now=later) for _ in range(2)] == [2, 0]

    assert set(HttpToolCall.objects.values_list("status", "reason")) == {
        ("unknown", http_tools.LOST)
    }
    assert Notice.objects.get().kind == "tool.lost"
    assert http_tools.call(define(shop.url), VALUES, asking=ASKING).state is State.UNKNOWN
    assert shop.received == []
    with tenant_context(beta):
        assert HttpToolCall.objects.get().status == "started"


def test_two_sweeps_give_a_call_up_once(committed_alpha: Tenant, shop: Shop) -> None:
    http_tools._claim(define(shop.url), VALUES, asking=ASKING)
    later = timezone.now() + timedelta(seconds=70)

    found = at_once(*[partial(http_tools.settle_lost, now=later)] * 3)

    assert sorted(found) == [0, 0, 1]
    assert Notice.objects.count() == 1


def test_old_calls_are_forgotten(alpha: Tenant, shop: Shop) -> None:
    http_tools.call(define(shop.url), VALUES, asking=ASKING)

    assert http_tools.clear_old(now=timezone.now()) == 0
    assert http_tools.clear_old(now=timezone.now() + timedelta(days=31)) == 1


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"name": "transfer"}, "transfer"),
        ({"url": "https://{day}.example/"}, "erp.example"),
        ({"url": "https://erp.example/{nothing}"}, "nothing"),
        ({"url": "ftp://erp.example/"}, "erp.example"),
        ({"auth_kind": "bearer"}, "token"),
        ({"auth_kind": "header", "secret": "x"}, "cabeçalho"),
        ({"auth_kind": "header", "secret": "x", "auth_name": "Host"}, "Host"),
        ({"headers": {"Idempotency-Key": "x"}}, "Idempotency-Key"),
        ({"parameters": [{**DAY, "name": "a b"}]}, "a b"),
        ({"parameters": [DAY, DAY]}, "day"),
        ({"parameters": [{"name": "total", "type": "number"}]}, "total"),
        ({"parameters": [{"name": "shop", "from": "fixed"}]}, "shop"),
        ({"parameters": [{"name": "n", "type": "integer", "value": "x"}]}, "n"),
        ({"parameters": [{"name": "n", "from": "anybody"}]}, "read|lidos"),
        ({"shows": [{"path": "a b"}]}, "order.status"),
        ({"timeout_s": 31}, "30"),
    ],
)
def test_what_cannot_be_used_or_lets_a_model_decide_too_much_is_refused(
    alpha: Tenant, values: dict[str, Any], problem: str
) -> None:
    with pytest.raises(tool_editing.BadTool, match=problem):
        make_tool(**{"url": "https://erp.example/", **values})


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://ERP.example:443/other", True),
        ("http://erp.example/", False),
        ("https://erp.example:8443/", False),
        ("https://erp.example.org/", False),
    ],
)
@pytest.mark.parametrize(
    "secrets", [{"secret": "k", "auth_kind": "bearer"}, {"headers": {"A": "k"}}]
)
def test_stored_secrets_go_to_the_system_they_were_typed_for(
    alpha: Tenant, url: str, may: bool, secrets: dict[str, Any]
) -> None:
    make_tool("https://erp.example/", **secrets)
    move = partial(tool_editing.ensure_tool, name="book", values={"url": url})

    if may:
        assert move().changed == ("url",)
        return
    with pytest.raises(tool_editing.BadTool):
        move()
    assert HttpTool.objects.get().url == "https://erp.example/"
    move(secret=secrets.get("secret"), headers=secrets.get("headers"))
    assert HttpTool.objects.get().url == url


@pytest.mark.parametrize(
    ("answer", "is_good"),
    [
        (json_answer({"slots": [{"at": "15:00"}]}), True),
        (json_answer({"other": 1}), False),
        (Answer(401), False),
        (Answer(404), False),
        (Answer(302), False),
        (Answer(500), False),
        (json_answer({"slots": []}, status=422), False),
    ],
)
def test_a_test_says_plainly_how_it_went(
    alpha: Tenant, shop: Shop, answer: Answer, is_good: bool
) -> None:
    shop.respond = lambda _: answer
    tool = define(shop.url, method="GET", risk="read", shows=[{"path": "slots.at"}])

    verdict = tool_editing.try_tool(tool)

    assert verdict.is_good is is_good
    assert verdict.text
    assert verdict.request.startswith("GET http://127.0.0.1")
    assert shop.received[0].query == "day=2026-11-23&phone=5511900000000"
    assert not HttpToolCall.objects.exists()


def test_a_test_needs_examples(alpha: Tenant, shop: Shop) -> None:
    tool = define(shop.url, parameters=[{"name": "day"}, PHONE])

    verdict = tool_editing.try_tool(tool)

    assert not verdict.is_good
    assert "day" in verdict.text
    assert shop.received == []
