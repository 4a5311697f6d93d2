"""Keys and logins: of one tenant only, for a time, for some things, and ended at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from django_tenants.utils import tenant_context

from tenants.api import callers, keys, throttling, tokens
from tenants.api.models import ApiKey, RefreshToken, TokenFamily
from tenants.api.refusals import OutOfScope, Unauthenticated
from tenants.audit.models import AuditEntry
from tenants.models import Tenant
from tests.api.conftest import (
    PASSWORD,
    Program,
    key_of,
    login_of,
    n_waiting_for_locks,
    person,
)
from tests.fakes.http import wait_until


def identified(credential: str, *, address: str = "192.0.2.7", after: timedelta = timedelta(0)):
    """Return who is known by a credential; None where nobody is."""
    now = timezone.now() + after
    headers = {"Authorization": f"Bearer {credential}"}
    try:
        return callers.identify(headers=headers, address=address, now=now)
    except Unauthenticated:
        return None


def test_a_key_opens_what_it_was_made_for_and_only_from_its_networks(alpha: Tenant) -> None:
    user, now = person(), timezone.now()
    text = key_of(
        user,
        scopes=["agents:read"],
        networks=["192.0.2.0/24", "2001:db8::1"],
        expires_at=now + timedelta(days=1),
    )

    caller = identified(text)

    assert caller is not None
    assert caller.user == user
    caller.require(scope="agents:read", permission="agents.view_agent")
    with pytest.raises(OutOfScope):
        caller.require(scope="agents:write")
    assert identified(text, address="::ffff:192.0.2.9") is not None
    assert identified(text, address="2001:db8::1") is not None
    refused = {
        "another address": identified(text, address="198.51.100.1"),
        "no address": identified(text, address=""),
        "after its end": identified(text, after=timedelta(days=2)),
        "another secret": identified(text[:-1] + ("a" if text[-1] != "a" else "b")),
        "its digest": identified(ApiKey.objects.get().digest),
        "nothing": identified(""),
    }
    assert refused == dict.fromkeys(refused)
    assert text not in str(list(ApiKey.objects.values()))


def test_the_last_use_is_written_once_a_minute(alpha: Tenant) -> None:
    text = key_of(person())
    seen = []
    for seconds in (0, 30, 61, 90):
        identified(text, after=timedelta(seconds=seconds))
        seen.append(ApiKey.objects.get().last_used_at)

    assert seen[0] == seen[1] < seen[2] == seen[3]


def test_a_key_ends_when_it_is_revoked_or_its_person_goes(alpha: Tenant) -> None:
    user = person()
    first, second = key_of(user), key_of(user)

    assert keys.revoke_key(
        key_uuid=ApiKey.objects.order_by("pk")[0].uuid, actor="ana", now=timezone.now()
    )
    assert identified(first) is None
    assert identified(second) is not None
    User.objects.update(is_active=False)
    assert identified(second) is None
    actions = AuditEntry.objects.filter(target__startswith="api key").order_by("pk")
    assert list(actions.values_list("action", flat=True)) == [
        "api_key.created",
        "api_key.created",
        "api_key.revoked",
    ]


def test_no_credential_of_one_tenant_opens_another(alpha: Tenant, beta: Tenant) -> None:
    # The same person, password, ids and key rows in both: only the secret differs.
    user = person()
    ours = {"key": key_of(user), "token": login_of(user).access}
    refresh = login_of(user).refresh
    with tenant_context(beta):
        person()
        for name, credential in ours.items():
            assert identified(credential) is None, name
        with pytest.raises(tokens.BadRefreshToken):
            tokens.refresh(token=refresh)
    for credential in ours.values():
        assert identified(credential) is not None


def test_a_login_lasts_a_quarter_of_an_hour_and_goes_on_by_refreshing(alpha: Tenant) -> None:
    user = person()
    program = Program("", "alpha.localhost")
    wrong = program.post("auth/login/", {"username": "owner", "password": "no"})
    right = program.post("auth/login/", {"username": "owner", "password": PASSWORD})

    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_password")
    assert right.status_code == 200
    first = right.json()
    assert identified(first["access"]).user == user
    assert identified(first["access"], after=timedelta(minutes=15, seconds=1)) is None
    second = program.post("auth/refresh/", {"refresh": first["refresh"]}).json()
    assert identified(second["access"]).user == user
    # Whoever comes with the first once more ends it all.
    again = program.post("auth/refresh/", {"refresh": first["refresh"]})
    assert (again.status_code, again.json()["code"]) == (401, "bad_refresh_token")
    assert program.post("auth/refresh/", {"refresh": second["refresh"]}).status_code == 401
    assert identified(second["access"]) is None
    assert TokenFamily.objects.get().revoked_reason == "reused"
    assert AuditEntry.objects.filter(action="api.login_reused").count() == 1


def test_a_token_is_good_at_once_where_the_clock_is_behind_its_makers(alpha: Tenant) -> None:
    user = person()
    ahead = timezone.now() + timedelta(seconds=30)
    made = tokens.log_in(request=None, username=user.username, password=PASSWORD, now=ahead)

    assert Program(made.access, "alpha.localhost").get("agents/").status_code == 200


def test_a_token_is_refused_when_it_is_forged_or_its_login_has_ended(alpha: Tenant) -> None:
    user = person()
    good = login_of(user)
    claims = jwt.decode(good.access, options={"verify_signature": False})
    forged = {
        "no signature": jwt.encode(claims, "", algorithm="none"),
        "another key": jwt.encode(claims, "k" * 32, algorithm="HS256"),
        "not a token": "a.b.c",
        "the refresh token": good.refresh,
    }
    assert [name for name, token in forged.items() if identified(token)] == []

    ended = login_of(user)
    tokens.log_out(token=ended.refresh, now=timezone.now())
    assert identified(ended.access) is None
    assert identified(good.access) is not None
    user.set_password("another one that is long")
    user.save()
    assert identified(good.access) is None


def test_of_two_refreshes_at_once_one_wins_and_nobody_is_locked_out(
    committed_alpha: Tenant,
) -> None:
    user = person()
    token = login_of(user).refresh

    def refresh() -> str:
        with tenant_context(committed_alpha):
            try:
                tokens.refresh(token=token)
            except tokens.RefreshRaced as error:
                return error.code
            finally:
                connection.close()
        return "refreshed"

    with ThreadPoolExecutor(3) as executor:
        # All have come before the first may go on.
        with transaction.atomic():
            RefreshToken.objects.select_for_update().get()
            running = [executor.submit(refresh) for _ in range(3)]
            wait_until(lambda: n_waiting_for_locks() == 3, seconds=20)
        found = sorted(one.result(timeout=60) for one in running)

    assert found == ["refresh_raced", "refresh_raced", "refreshed"]
    assert TokenFamily.objects.get().revoked_at is None
    assert RefreshToken.objects.filter(used_at=None).count() == 1


@pytest.fixture
def throttled(settings: object) -> Iterator[None]:
    """Small limits, and counters of this test's own."""
    limits = {"key": 3, "user": 5, "tenant": 7, "address": 2, "login": 2}
    settings.API_PER_MINUTE = limits  # type: ignore[attr-defined]
    throttling.forget(f"test:{uuid.uuid4()}")
    yield
    throttling.forget()


def left_after(spend: Callable[[], throttling.Allowance | None], n: int) -> list[int]:
    """Return what is left after each of some calls; -1 where one is refused."""
    left = []
    for _ in range(n):
        try:
            allowance = spend()
            assert allowance is not None
            left.append(allowance.remaining)
        except throttling.TooManyRequests as error:
            left.append(-1 if 0 < error.retry_after_s <= 60 else -2)
    return left


def test_calls_are_counted_by_key_and_person_and_never_across_tenants(
    alpha: Tenant, beta: Tenant, throttled: None, settings: object
) -> None:
    user, now = person(username="counted"), timezone.now()
    first, second = identified(key_of(user)), identified(key_of(user))
    third = identified(key_of(person(username="another")))
    with tenant_context(beta):
        other = identified(key_of(person(username="counted")))

    def tries(caller: callers.Caller, n: int) -> list[int]:
        return left_after(lambda: throttling.spend(caller, now=now), n)

    # By the key; what it is refused counts for nobody else.
    assert tries(first, 20) == [2, 1, 0, *[-1] * 17]
    assert tries(second, 3) == [1, 0, -1]  # by the person
    assert tries(third, 3) == [1, 0, -1]  # by the business: seven in all
    with tenant_context(beta):
        assert tries(other, 1) == [2]
    assert left_after(lambda: throttling.spend(first, now=now + timedelta(minutes=1)), 1) == [2]
    # Where the broker is away everybody is let in.
    settings.REDIS_URL = "redis://127.0.0.1:9/0"  # type: ignore[attr-defined]
    throttling.forget()
    assert throttling.spend(first, now=now) is None


def test_passwords_cannot_be_guessed_fast(alpha: Tenant, throttled: None) -> None:
    now = timezone.now()

    def tries(username: str, n: int, *, address: str) -> list[int]:
        return left_after(
            lambda: throttling.spend_login(username=username, address=address, now=now), n
        )

    assert tries("ana", 9, address="192.0.2.1")[:3] == [1, 0, -1]
    assert tries("ana", 1, address="192.0.2.2") == [1]  # who guesses keeps only themselves out
    assert tries("bia", 2, address="192.0.2.1") == [1, 0]
    # Of IPv6 a subscriber has a whole network: its addresses are one.
    assert tries("eva", 1, address="2001:db8::1") == [1]
    assert tries("eva", 2, address="2001:db8::2") == [0, -1]
    for n in range(10, 19):
        tries("ana", 2, address=f"192.0.2.{n}")
    assert tries("ana", 1, address="192.0.2.99") == [-1]  # nor do many addresses help

    # Over the API; five tries are over the limit, wherever in them a minute begins.
    program = Program("", "alpha.localhost")
    found: list[Any] = []
    body = {"username": "guessed", "password": "no"}
    while len(found) < 5 and (not found or found[-1].status_code == 401):
        found.append(program.post("auth/login/", body))
    assert [one.status_code for one in found] in ([401] * n + [429] for n in (2, 3, 4))
    assert found[-1].headers["Retry-After"].isdigit()
    assert found[-1].json()["code"] == "too_many_requests"
    # So are wrong keys, refreshes and logouts, by address.
    strangers = (
        lambda: Program("prosa_wrong", "alpha.localhost").get("agents/"),
        lambda: program.post("auth/refresh/", {"refresh": "wrong"}),
        lambda: program.post("auth/logout/", {"refresh": "wrong"}),
    )
    for call in strangers:
        statuses = [call().status_code for _ in range(5)]
        assert 429 in statuses, statuses


def test_nor_in_the_panel_where_the_right_one_does_not_help_either(
    alpha: Tenant, beta: Tenant, throttled: None
) -> None:
    person(username="ana")
    with tenant_context(beta):
        person(username="ana")

    def log_in(password: str, *, host: str) -> Any:
        browser = Client(headers={"host": host})
        return browser.post("/admin/login/", {"username": "ana", "password": password})

    # Five are over the limit, wherever in them a minute begins. The right one is refused as well:
    # whoever guesses must not be told by being let in.
    wrong = [log_in("no", host="alpha.localhost") for _ in range(5)]
    refused = [one for one in wrong if "Tentativas demais" in one.content.decode()]

    assert [one.status_code for one in wrong] == [200] * 5
    assert refused
    # Over the API they are the same tries, and those of another business are its own.
    api = Program("", "alpha.localhost")
    assert log_in(PASSWORD, host="beta.localhost").status_code == 302
    right = [log_in(PASSWORD, host="alpha.localhost") for _ in range(3)]
    assert 200 in [one.status_code for one in right]
    over_api = [api.post("auth/login/", {"username": "ana", "password": "no"}) for _ in range(3)]
    assert 429 in [one.status_code for one in over_api]
