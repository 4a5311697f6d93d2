"""Leads that forms and other systems bring in: once each, and the contact is written to.

The contact has not written, and anybody can type a stranger's number into a form. So the first
message is a planned one, which the rules for messages that nobody asked for hold or let go.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from agents.types_leads import LeadFound
from conversations.channels import AccountName, sender_for
from conversations.lead_rules import BUILT_IN
from conversations.models import Conversation, IncomingLead, Lead, LeadSource
from conversations.services import follow_ups, identity, intake, lead_fields, leads
from conversations.types import MAX_TEXT, Address
from integrations import mapping
from integrations.services import signing
from tenants.audit.record import record
from tenants.errors import DomainError

FORM_CONFIDENCE = 90
"""Of what stands in a form: typed by the contact, as far as anybody knows."""

MAX_AGE_S = 300
"""Seconds between a signature and now. Source: Standard Webhooks, "Verifying"."""

KEPT_DAYS = 30
"""How long the keys of what came in are remembered; a sender repeats for a few days at most."""

MAX_KEY = 100
"""Characters of a key that is kept; a longer one is kept as its hash."""

WRITES_EVERY = timedelta(days=7)
"""How soon the same source writes to the same contact again. Who fills a form in twice in a week is
being talked to already, or is a stranger whose number somebody keeps typing in."""

MAX_SHOWN = 60
"""Characters of a form's value in a message: a name and some more. Whoever fills the form in says
that much to whomever they like, in the business's name."""

MAX_DIGITS = 15
"""Of a phone with its country's code; by E.164."""

_LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.)\S*"
    r"|(?<![@\w.-])[\w-]+(?:\.[\w-]+)*\.(?:[a-z]{2,3}|[a-z]{4,}(?=/)"
    r"|info|link|live|site|shop|store|online|click|club)\b\S*",
    re.IGNORECASE,
)
"""What WhatsApp makes a link of, such as a bare domain; an address of e-mail is none."""

_BEARER = re.compile(r"bearer ", re.IGNORECASE)  # RFC 9110, 11.1: however it is spelt

_PATH = re.compile(r"[\w-]{1,60}(?:\.[\w-]{1,60}){0,7}")

_NUMBER = re.compile(r"(?:\d(?:[^\w#;]|_)*){8,}")
"""The digits of a phone, with nothing but signs between them: what comes after a word is none of
it, such as an extension or a second number."""

_BETWEEN = re.compile(r"[/,|]")
"""What may stand between two numbers, and within one (11/98888-7777)."""


class BadSource(DomainError):
    """This source cannot be used as it is described."""

    code = "bad_lead_source"
    http_status = 422


class BadIncoming(DomainError):
    """There is no phone number in it; a lead needs one with its country code."""

    code = "no_phone"
    http_status = 422


class NotSigned(DomainError):
    """The key or signature of this source is missing or wrong."""

    code = "not_signed"
    http_status = 401


class SourceAsleep(DomainError):
    """The number of this source is switched off; try again later."""

    code = "source_asleep"
    http_status = 503


class Incoming(StrEnum):
    """What became of the contact."""

    WRITTEN = "written"  # the first message is planned for now
    WRITTEN_BEFORE = "written_before"  # a few days ago, by the same source
    KEPT = "kept"  # there is no first message
    OPTED_OUT = "opted_out"
    BLOCKED = "blocked"
    WITH_PEOPLE = "with_people"  # somebody answers this contact now


@dataclass(frozen=True, slots=True)
class Received:
    """What became of something that was brought in."""

    lead: Lead | None
    outcome: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class Ensured:
    """A source that is now as wanted; `secret` where it was made here, to be shown once."""

    source: LeadSource
    created: bool
    changed: tuple[str, ...]
    secret: str = ""


def ensure_source(
    *,
    name: str,
    account_ref: uuid.UUID,
    first_message: str = "",
    fields: Mapping[str, str] | None = None,
    secret: str | None = None,
    is_active: bool = True,
) -> Ensured:
    """Create or change the source called `name`; does nothing where it is as wanted.

    Args:
        fields: our field -> where it stands in what is sent; what is left out stands under its own
            name.
        secret: None keeps the one there is, or makes one.

    Raises:
        BadSource: an unusable account, message or field.
    """
    fields = dict(fields or {})
    _check(first_message=first_message, fields=fields)
    wanted = {
        "account_ref": account_ref,
        "first_message": first_message.strip(),
        "fields": fields,
        "is_active": is_active,
    }
    made = ""
    with transaction.atomic():
        source = LeadSource.objects.select_for_update().filter(name=name).first()
        created = source is None
        if source is None:
            source = LeadSource(name=name)
            secret = secret or (made := signing.new_secret())
            source.set_secret(secret)
        changed = [key for key, value in wanted.items() if getattr(source, key) != value]
        for key in changed:
            setattr(source, key, wanted[key])
        if secret is not None and source.secret() != secret:
            source.set_secret(secret)
            changed.append("secret")
        if created or changed:
            source.save()
    return Ensured(source, created, tuple(changed), made)


def new_secret(*, source: LeadSource, actor: str) -> str:
    """Make a new secret and return it, to be shown once; the old one ends at once."""
    secret = signing.new_secret()
    source.set_secret(secret)
    source.save(update_fields=["secret_encrypted"])
    record(
        action="leadsource.secret_changed",
        actor=actor,
        target=f"leadsource {source.uuid}",
        data={},
    )
    return secret


def accounts(channel_kind: str = "whatsapp") -> list[AccountName]:
    """Return the numbers that a source can write from."""
    return list(sender_for(channel_kind).accounts())


def verify(source: LeadSource, *, headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """Return under which key something was brought in; the same for each repeat of it.

    Either signed as Standard Webhooks lays down, or with the secret as a bearer token or in
    ``X-Api-Key``, for systems that cannot sign.

    Args:
        headers: names in lower case.

    Raises:
        NotSigned: neither holds.
    """
    secret = source.secret()
    message_id = headers.get("webhook-id", "")
    if headers.get("webhook-signature"):
        _check_signature(secret, headers=headers, body=body, now=now)
        return _key("id", message_id)
    token = headers.get("x-api-key") or _BEARER.sub("", headers.get("authorization", ""))
    if not hmac.compare_digest(token.strip().encode(), secret.encode()):
        raise NotSigned
    if key := headers.get("idempotency-key") or message_id:
        return _key("key", key)
    return f"body:{hashlib.sha256(body).hexdigest()}"


def _key(kind: str, ref: str) -> str:
    """Return a sender's key as it is kept; two long ones may begin alike."""
    whole = f"{kind}:{ref}"
    return whole if len(whole) <= MAX_KEY else f"{kind}:{hashlib.sha256(ref.encode()).hexdigest()}"


def receive(
    *, source: LeadSource, data: Mapping[str, Any], dedup_key: str, now: datetime
) -> Received:
    """Keep a lead, open its conversation and write to its contact; a repeat does nothing.

    Raises:
        BadIncoming: no phone number in it.
        SourceAsleep: the source's number is off.
    """
    given = _given(source, data)
    phone = _phone(given.pop("phone", ""))
    account = next(
        (one for one in accounts(source.channel_kind) if one.account_ref == source.account_ref),
        None,
    )
    if account is None:
        raise SourceAsleep
    with transaction.atomic():
        seen = IncomingLead(source=source, dedup_key=dedup_key, outcome="", received_at=now)
        # A second worker with the same key waits here until the first has committed.
        IncomingLead.objects.bulk_create([seen], ignore_conflicts=True)
        row = (
            IncomingLead.objects.select_for_update(of=("self",))
            .select_related("lead")
            .get(source=source, dedup_key=dedup_key)
        )
        if row.outcome:
            return Received(row.lead, row.outcome, is_new=False)
        contact = identity.ensure_contact(
            address=Address(phone=phone), name=given.get("name", ""), is_from_channel=False
        )
        conversation = intake.open_conversation(
            contact=contact,
            channel_kind=source.channel_kind,
            account_ref=source.account_ref,
            entry_agent_id=account.entry_agent_id,
            now=now,
        )
        conversation.contact = contact
        lead = leads.record([(conversation, _found(given))], now=now, source=source.name)[
            contact.pk
        ]
        row.lead = lead
        row.outcome = _write(source, conversation, given, phone=phone, now=now)
        row.save(update_fields=["lead", "outcome"])
    return Received(lead, row.outcome, is_new=True)


def clear_old(*, now: datetime) -> int:
    """Forget the keys of what came in long ago; return how many."""
    before = now - timedelta(days=KEPT_DAYS)
    return IncomingLead.objects.filter(received_at__lt=before).delete()[0]


def _check(*, first_message: str, fields: Mapping[str, str]) -> None:
    if first_message.strip():
        try:
            names = {*lead_fields.rules().keys, "phone"}
            mapping.check({"text": first_message}, names=names)
        except mapping.BadTemplate as error:
            raise BadSource(_("The first message cannot be used: %s") % error) from error
    known = {*lead_fields.rules().keys}
    for key, place in fields.items():
        if key not in known or not _PATH.fullmatch(str(place)):
            raise BadSource(_("The field %s cannot be read from there.") % key[:60])


def _check_signature(
    secret: str, *, headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    stamp, message_id = headers.get("webhook-timestamp", ""), headers.get("webhook-id", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and message_id):
        raise NotSigned
    sent_at = datetime.fromtimestamp(int(stamp), tz=now.tzinfo)
    if abs((now - sent_at).total_seconds()) > MAX_AGE_S:
        raise NotSigned
    wanted = signing.headers(
        message_id=message_id, body=body, sent_at=sent_at, signing_secrets=[secret]
    )["webhook-signature"]
    given = headers["webhook-signature"].split()
    if not any(hmac.compare_digest(one.encode(), wanted.encode()) for one in given):
        raise NotSigned


def _given(source: LeadSource, data: Mapping[str, Any]) -> dict[str, str]:
    """Return what is sent by our fields, as far as it is there."""
    keys = lead_fields.rules().keys
    found = {}
    for key in keys:
        found[key] = _text(_at(data, source.fields.get(key, key)))
    return {key: value for key, value in found.items() if value}


def _text(value: object) -> str:
    """Return a single value as a text; empty where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # spreadsheets write 11988887777.0, whose last digit is no one's
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    # Half of a pair (\ud800) is JSON, and nothing that can be stored.
    text = str(value).replace("\x00", "").encode("utf-8", "replace").decode()
    return " ".join(text.split())[:500]


def _at(data: object, place: str) -> object:
    for part in place.split("."):
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and part.isdigit() and int(part) < len(data):
            data = data[int(part)]
        else:
            return None
    return data


def _phone(text: str) -> str:
    """Return digits with the country's code; a Brazilian number may come without it.

    Raises:
        BadIncoming: it is none.
    """
    # Digits of other scripts are digits; a zero in brackets is only dialled within the country.
    plain = "".join(str(int(one)) if one.isdecimal() else one for one in text).replace("(0)", "")
    number = _NUMBER.search(plain)
    digits = _digits(number[0]) if number else ""
    if number and len(digits) > MAX_DIGITS:
        digits = _digits(_BETWEEN.split(number[0])[0])
    if digits.startswith("550"):
        digits = f"55{digits[2:].lstrip('0')}"  # no area of Brazil begins with it
    if len(digits) in (10, 11) and not text.strip().startswith("+"):
        digits = f"55{digits}"
    if not 10 <= len(digits) <= MAX_DIGITS:
        raise BadIncoming
    return digits


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text).lstrip("0")


def _found(given: Mapping[str, str]) -> list[LeadFound]:
    rules = lead_fields.rules()
    found = []
    for key, value in given.items():
        choices = rules.choices(key)
        if choices and value not in choices:
            continue
        found.append(LeadFound(key, value, FORM_CONFIDENCE, value, ""))
    return found


def _write(
    source: LeadSource,
    conversation: Conversation,
    given: Mapping[str, str],
    *,
    phone: str,
    now: datetime,
) -> Incoming:
    """Plan the first message for now; joins the caller's transaction."""
    contact = conversation.contact
    if contact.is_blocked:
        return Incoming.BLOCKED
    if contact.opted_out_at is not None:
        return Incoming.OPTED_OUT
    if conversation.mode == Conversation.Mode.HUMAN:
        return Incoming.WITH_PEOPLE
    shown = {key: _shown(value) for key, value in given.items()}
    text = mapping.message(
        source.first_message, {**dict.fromkeys(BUILT_IN), **shown, "phone": phone}
    )
    if not text:
        return Incoming.KEPT
    # The conversation is locked, so that a second worker sees what the first has written.
    if IncomingLead.objects.filter(
        source=source,
        lead__contact=contact,
        outcome=Incoming.WRITTEN,
        received_at__gt=now - WRITES_EVERY,
    ).exists():
        return Incoming.WRITTEN_BEFORE
    follow_ups.write_first(conversation=conversation, text=text[:MAX_TEXT], now=now)
    return Incoming.WRITTEN


def _shown(value: str) -> str:
    """Return a form's value as it may stand in a message."""
    return " ".join(_LINK.sub("", value).split())[:MAX_SHOWN].rstrip()


def parse(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object of a body.

    Raises:
        BadSource: it is none.
    """
    try:
        # NaN is no JSON and stands for what is missing; a lead is not lost for it.
        data = json.loads(body, parse_constant=lambda _name: None)
    except (ValueError, RecursionError) as error:
        raise BadSource(_("The body is no JSON.")) from error
    if not isinstance(data, dict):
        raise BadSource(_("The body is no JSON object."))
    return data
