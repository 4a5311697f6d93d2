"""Endpoints: making them, changing their secret without a loss, switching them off and on."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from integrations import mapping
from integrations.egress import check_url, leads_elsewhere
from integrations.models import Delivery, Event, WebhookEndpoint
from integrations.payloads import TYPES, EndpointTest
from integrations.services import events, notices, signing, words
from tenants.errors import DomainError, Permanent

OVERLAP = timedelta(hours=24)
"""How long a replaced secret still signs beside the new one."""

DISABLED = "endpoint.disabled"
"""The kind of notice that an endpoint was switched off; switching it on settles it."""

MAX_HEADERS = 10

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
_OURS = {
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
    "user-agent",
}


class Kept(Enum):
    """Says that something stays as it is, where None means something else."""

    KEPT = "kept"


KEPT = Kept.KEPT


class BadEndpoint(DomainError):
    """This endpoint cannot be used as it is described."""

    code = "bad_endpoint"
    http_status = 422


@dataclass(frozen=True, slots=True)
class Ensured:
    """An endpoint that is now as wanted; `changed` names the fields that were not.

    Args:
        secret: the signing secret where it was made here; to be shown once.
    """

    endpoint: WebhookEndpoint
    created: bool
    changed: tuple[str, ...]
    secret: str = ""


def ensure_endpoint(
    *,
    name: str,
    url: str,
    types: Sequence[str],
    now: datetime,
    secret: str | None = None,
    headers: Mapping[str, str] | None = None,
    template: mapping.Json | Kept = KEPT,
    is_active: bool = True,
    actor: str = "",
) -> Ensured:
    """Create or change the endpoint called `name`; does nothing where it is as wanted.

    Args:
        types: what it is told, of `payloads.TYPES`.
        secret: None keeps the one there is, or makes one. Another one than before signs beside the
            old one for `OVERLAP`.
        headers: sent with each call; None keeps those there are.
        template: the body as `integrations.mapping` reads it; None for the event itself.
        actor: who has seen, by switching it on, that it was switched off.

    Raises:
        BadEndpoint: an unusable address, type, secret, header or template, or another system and
            the headers were left.
    """
    _check(url=url, types=types, secret=secret, headers=headers)
    made = ""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).filter(name=name).first()
        created = endpoint is None
        if endpoint is None:
            endpoint = WebhookEndpoint(name=name)
            secret = secret or (made := signing.new_secret())
            endpoint.set_secret(secret)
        elif headers is None:
            _check_moved(endpoint, url)
        wanted = {"url": url, "events": [one for one in TYPES if one in types]}
        changed = [field for field, value in wanted.items() if getattr(endpoint, field) != value]
        endpoint.url, endpoint.events = url, wanted["events"]
        if secret is not None and endpoint.secret() != secret:
            _replace_secret(endpoint, secret, now=now)
            changed.append("secret")
        if headers is not None and endpoint.headers() != dict(headers):
            endpoint.set_headers(dict(headers))
            changed.append("headers")
        if template is not KEPT and endpoint.template != template:
            _check_template(template)
            endpoint.template = template
            changed.append("template")
        if endpoint.is_active != is_active:
            _switch(endpoint, is_active=is_active, now=now)
            changed.append("is_active")
            if is_active:
                notices.settle(kind=DISABLED, subject=str(endpoint.uuid), actor=actor, now=now)
        if created or changed:
            _save(endpoint)
    events.forget()
    return Ensured(endpoint, created, tuple(changed), made)


def check(*, name: str, url: str, types: Sequence[str], headers: Mapping[str, str] | None) -> None:
    """Refuse what `ensure_endpoint` would refuse, while whoever typed it still has it before them.

    Raises:
        BadEndpoint: as `ensure_endpoint`.
    """
    _check(url=url, types=types, secret=None, headers=headers)
    stored = WebhookEndpoint.objects.filter(name=name).first()
    if stored is not None and headers is None:
        _check_moved(stored, url)


def _check_moved(endpoint: WebhookEndpoint, url: str) -> None:
    """Refuse to take stored headers to another system: its owner could read them there.

    Args:
        endpoint: as it is stored.

    Raises:
        BadEndpoint: the address leads elsewhere, and there are headers.
    """
    if endpoint.headers_encrypted and leads_elsewhere(endpoint.url, url):
        raise BadEndpoint(
            gettext(
                "The address leads to another system now: enter the headers again, or remove them."
            )
        )


def set_template(*, endpoint_id: int, template: mapping.Json) -> None:
    """Have events sent in the words of another system, also those that wait; None for as they are.

    Raises:
        BadEndpoint: it is no template.
    """
    if template is not None:
        _check_template(template)
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
        endpoint.template = template
        endpoint.save(update_fields=["template", "updated_at"])


def _check_template(template: mapping.Json) -> None:
    if template is None:
        return
    try:
        mapping.check(template)
    except mapping.BadTemplate as error:
        raise BadEndpoint(gettext("This body cannot be used: %s") % error) from error


def rotate_secret(*, endpoint_id: int, now: datetime) -> str:
    """Make a new secret and return it, to be shown once; the old one signs for `OVERLAP` more."""
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
        secret = signing.new_secret()
        _replace_secret(endpoint, secret, now=now)
        _save(endpoint)
    return secret


def send_test(*, endpoint_id: int, now: datetime) -> Delivery:
    """Have a test event sent to an endpoint, whatever it asks for.

    Raises:
        BadEndpoint: it is switched off.
    """
    with transaction.atomic():
        endpoint = WebhookEndpoint.objects.get(pk=endpoint_id)
        if not endpoint.is_active:
            raise BadEndpoint(gettext("Switch the endpoint on first."))
        event = events.publish_to(endpoint, EndpointTest(endpoint_name=endpoint.name), now=now)
        return Delivery.objects.get(event=event, endpoint=endpoint)


def disable(*, endpoint: WebhookEndpoint, reason: WebhookEndpoint.Disabled, now: datetime) -> None:
    """Switch an endpoint off and tell the owners; joins the transaction that holds its lock."""
    endpoint.is_active, endpoint.disabled_reason = False, reason
    endpoint.save(update_fields=["is_active", "disabled_reason", "updated_at"])
    transaction.on_commit(events.forget, robust=True)
    is_gone = reason == WebhookEndpoint.Disabled.GONE
    notices.tell(
        kind=DISABLED,
        subject=str(endpoint.uuid),
        title=_("The webhook endpoint %(name)s was switched off"),
        text=_("It answered that it is gone (410). What it has not been told waits.")
        if is_gone
        else _("It failed for five days. What it has not been told waits until you switch it on."),
        values={"name": endpoint.name},
        page="integrations_webhookendpoint_changelist",
        is_event=True,
        now=now,
    )


def replay(
    *,
    endpoint: WebhookEndpoint,
    since: datetime,
    until: datetime,
    only_failed: bool,
    now: datetime,
) -> int:
    """Deliver again what happened in a span of time; return how much.

    What the endpoint asks for now and was never told, because it was off or did not exist, is
    told too, unless `only_failed`.

    Raises:
        BadEndpoint: it is switched off.
    """
    if not endpoint.is_active:
        raise BadEndpoint(gettext("Switch the endpoint on first."))
    with transaction.atomic():
        span = Event.objects.filter(occurred_at__gte=since, occurred_at__lt=until)
        known = Delivery.objects.filter(endpoint=endpoint, event__in=span)
        if only_failed:
            known = known.filter(status=Delivery.Status.FAILED)
        n_known = _again(known, now=now)
        if only_failed:
            return n_known
        missing = list(
            span.filter(type__in=endpoint.events)
            .exclude(deliveries__endpoint=endpoint)
            .order_by("pk")
        )
        if missing:
            events.deliver([(event, endpoint.pk) for event in missing], now=now)
        return n_known + len(missing)


def replay_deliveries(*, delivery_ids: Sequence[int], now: datetime) -> int:
    """Deliver some again; return how many. Each keeps its id, by which a receiver knows it."""
    with transaction.atomic():
        return _again(Delivery.objects.filter(pk__in=delivery_ids), now=now)


def _again(deliveries: models.QuerySet[Delivery], *, now: datetime) -> int:
    endpoints = list(deliveries.order_by().values_list("endpoint", flat=True).distinct())
    # Their workers write the same rows, in another order, and only while they hold the endpoint.
    locked = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk__in=endpoints)
    list(locked.order_by("pk"))
    n_again = deliveries.update(
        status=Delivery.Status.PENDING, n_attempts=0, next_attempt_at=now, delivered_at=None
    )
    if endpoints:
        events.wake(endpoints)
    return n_again


def _switch(endpoint: WebhookEndpoint, *, is_active: bool, now: datetime) -> None:
    """Switch an endpoint; on again, what waits for it is due at once."""
    endpoint.is_active = is_active
    endpoint.disabled_reason = "" if is_active else WebhookEndpoint.Disabled.BY_HAND
    endpoint.failing_since = endpoint.paused_until = None
    if is_active and endpoint.pk:
        waiting = Delivery.objects.filter(endpoint=endpoint, status=Delivery.Status.PENDING)
        if waiting.update(next_attempt_at=now):
            events.wake([endpoint.pk])


def _replace_secret(endpoint: WebhookEndpoint, secret: str, *, now: datetime) -> None:
    endpoint.previous_secret_encrypted = endpoint.secret_encrypted
    endpoint.previous_secret_until = now + OVERLAP
    endpoint.set_secret(secret)


def _save(endpoint: WebhookEndpoint) -> None:
    try:
        endpoint.full_clean()
    except ValidationError as error:
        raise BadEndpoint("; ".join(error.messages)) from error
    endpoint.save()


def _check(
    *,
    url: str,
    types: Sequence[str],
    secret: str | None,
    headers: Mapping[str, str] | None,
) -> None:
    try:
        check_url(url)
    except Permanent as error:
        why = words.not_called(error.reason)
        raise BadEndpoint(gettext("This address cannot be used: %s") % why) from error
    if not types or not set(types) <= set(TYPES):
        raise BadEndpoint(gettext("Choose at least one event."))
    if secret is not None and not signing.key_of(secret):
        raise BadEndpoint(gettext("The secret is empty."))
    for name, value in (headers or {}).items():
        if len(headers or {}) > MAX_HEADERS or not may_be_sent(name, value):
            raise BadEndpoint(gettext("The header %s cannot be sent.") % name[:60])


def may_be_sent(name: str, value: str) -> bool:
    """Test whether a header of the customer's own may be sent, and takes no place of ours."""
    lower = name.lower()
    return (
        bool(_HEADER_NAME.fullmatch(name))
        and lower not in _OURS
        and not lower.startswith("webhook-")
        and len(value) <= 1_000
        and value.isascii()
        and value.isprintable()
    )


def remove_endpoint(*, endpoint: WebhookEndpoint) -> None:
    """Remove an endpoint with its deliveries; joins the caller's transaction."""
    endpoint.delete()
    transaction.on_commit(events.forget, robust=True)
