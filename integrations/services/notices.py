"""Telling the owners what they should know: in the panel, by e-mail and as an event.

The row comes first, in the transaction of what happened; the e-mail is sent after it commits. A
sweep sends what a process that died, or a mail server that was away, has left.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext, override

from integrations import payloads
from integrations.models import Notice
from integrations.services import events
from tenants.context import current_schema, release_connection
from tenants.models import Tenant
from tenants.queueing import enqueue
from tenants.services.staff import Role

logger = logging.getLogger(__name__)

Level = Notice.Level

MAIL_LEASE = timedelta(minutes=5)
"""How long one process has for its e-mails; also the pause after the mail server failed."""

TOO_LATE = timedelta(days=1)
"""An e-mail that could not be sent for so long is not sent any more: the panel has told it."""

MAILS_AT_ONCE = 20
NO_MAIL = "django.core.mail.backends.dummy.EmailBackend"  # what the settings choose without a URL


def tell(
    *,
    kind: str,
    subject: str,
    title: str | Promise,
    text: str | Promise,
    now: datetime,
    values: Mapping[str, object] | None = None,
    page: str = "",
    level: Notice.Level = Level.WARNING,
    is_event: bool = False,
) -> bool:
    """Tell the owners something, once a day for each kind and subject; True where it is new.

    Joins the caller's transaction.

    Args:
        kind: what happened, such as ``"device.offline"``; stays the same for programs.
        subject: what it happened to, such as a UUID; at most 100 characters.
        title: one line, lazily translated; with `values` filled in, like `text`.
        values: names and numbers, never a message's text or a contact's phone number.
        page: the page of the panel where it is mended, such as ``integrations_budget_changelist``.
        level: what needs attention stands above every page until somebody has seen it.
        is_event: it has happened just now, and does not only last: what somebody has seen, or dealt
            with, is told anew where it happens again on the same day.
    """
    tenant = Tenant.objects.get(schema_name=current_schema())
    with override(tenant.language):
        notice = Notice(
            kind=kind,
            subject=subject[:100],
            day=now.astimezone(ZoneInfo(tenant.timezone)).date(),
            level=level,
            title=payloads.cut(str(title) % dict(values or {}), at=200),
            text=payloads.cut(str(text) % dict(values or {}), at=1_000),
            page=page,
            created_at=now,
        )
    with transaction.atomic(savepoint=False):
        with connection.cursor() as cursor:
            cursor.execute(
                """
                insert into integrations_notice
                    (uuid, kind, subject, day, level, title, text, page, created_at, seen_by)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, '')
                on conflict (kind, subject, day) do update
                set seen_at = null, seen_by = '', mailed_at = null,
                    title = excluded.title, text = excluded.text, created_at = excluded.created_at
                where %s and integrations_notice.seen_at is not null
                """,
                [
                    notice.uuid,
                    notice.kind,
                    notice.subject,
                    notice.day,
                    notice.level,
                    notice.title,
                    notice.text,
                    notice.page,
                    now,
                    is_event,
                ],
            )
            is_new = cursor.rowcount == 1
        if not is_new:
            return False
        told = payloads.NoticeCreated(kind=kind, title=notice.title, text=notice.text)
        events.publish(told, occurred_at=now)
        enqueue("integrations.tasks.mail_notices")
    logger.info("notice", extra={"kind": kind})
    return True


def unseen() -> list[Notice]:
    """Return what needs attention and nobody has seen, the newest first; one query."""
    found = Notice.objects.filter(seen_at=None, level=Level.WARNING)
    return list(found.order_by("-created_at", "-pk")[:50])


def mark_seen(*, notice_ids: list[int], actor: str, now: datetime) -> int:
    """Note who has seen notices; return how many were new to everybody."""
    found = Notice.objects.filter(pk__in=notice_ids, seen_at=None)
    return found.update(seen_at=now, seen_by=actor[:150])


def settle(*, kind: str, subject: str, actor: str, now: datetime) -> None:
    """Take what somebody has dealt with off every page, as seen by them."""
    found = Notice.objects.filter(kind=kind, subject=subject[:100], seen_at=None)
    found.update(seen_at=now, seen_by=actor[:150])


def mail_due(*, now: datetime) -> int:
    """E-mail the owners what they have not been sent yet; return how many notices were sent.

    A notice is sent again only where the process died, or lost the database, after the mail server
    had taken it.
    """
    if settings.EMAIL_BACKEND == NO_MAIL:
        return 0
    notices = _claim(now=now)
    if not notices:
        return 0
    tenant = Tenant.objects.get(schema_name=current_schema())
    owners = User.objects.filter(groups__name=Role.OWNER, is_active=True).exclude(email="")
    addresses = sorted(set(owners.values_list("email", flat=True)))
    if not addresses:
        return 0
    release_connection()
    sent: list[int] = []
    try:
        _mail(notices, addresses=addresses, tenant=tenant, sent=sent)
    except (OSError, smtplib.SMTPException):
        # No address and no text in the log; the sweep tries again when the lease has run out.
        logger.warning("notices not mailed", extra={"n_left": len(notices) - len(sent)})
    Notice.objects.filter(pk__in=sent).update(mailed_at=now)
    return len(sent)


def _mail(notices: list[Notice], *, addresses: list[str], tenant: Tenant, sent: list[int]) -> None:
    """Send notices over one connection, noting those that the server took in `sent`."""
    with override(tenant.language), get_connection() as server:
        closing = gettext("You get this as an owner of %(business)s.") % {"business": tenant.name}
        for notice in notices:
            EmailMessage(
                subject=f"{tenant.name}: {notice.title}".replace("\n", " "),
                body=f"{notice.text}\n\n{closing}\n",
                to=addresses,
                connection=server,
            ).send()
            sent.append(notice.pk)


def _claim(*, now: datetime) -> list[Notice]:
    """Take what is to be sent, so that nobody else sends it meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            update integrations_notice set mail_lease_until = %(until)s
            where id in (
                select id from integrations_notice
                where mailed_at is null and created_at > %(since)s
                    and (mail_lease_until is null or mail_lease_until <= %(now)s)
                order by id limit %(most)s for update skip locked
            )
            returning id
            """,
            {
                "now": now,
                "until": now + MAIL_LEASE,
                "since": now - TOO_LATE,
                "most": MAILS_AT_ONCE,
            },
        )
        taken = [row[0] for row in cursor.fetchall()]
    return list(Notice.objects.filter(pk__in=taken).order_by("pk")) if taken else []
