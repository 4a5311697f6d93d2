"""Events and deliveries in the words of business owners."""

from __future__ import annotations

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from integrations.models import DeliveryAttempt
from integrations.payloads import EndpointTest
from integrations.services import words

NAMES = {
    "message.received": _("A contact writes"),
    "message.sent": _("A message was sent"),
    "message.failed": _("A message cannot be sent"),
    "conversation.opened": _("A conversation begins"),
    "conversation.handed_off": _("The assistant calls a person"),
    "conversation.taken_over": _("A person takes a conversation"),
    "conversation.returned": _("The assistant answers again"),
    "conversation.closed": _("A conversation is over"),
    "lead.created": _("A new lead"),
    "lead.qualified": _("A lead is qualified"),
    "lead.updated": _("A lead changes"),
    "device.status_changed": _("A device connects or disconnects"),
    "document.ready": _("A document was read"),
    "document.failed": _("A document cannot be read"),
    "budget.warned": _("A budget is nearly used up"),
    "budget.exhausted": _("A budget is used up"),
    "contact.opted_out": _("A contact does not want messages"),
    "contact.erased": _("A contact was erased"),
    "notice.created": _("A notice to the owners"),
    EndpointTest.type: _("Test event"),
}


def name(event_type: str) -> str:
    """Return what has happened."""
    return str(NAMES.get(event_type, event_type))


def answer(attempt: DeliveryAttempt) -> str:
    """Return how a call ended."""
    if attempt.status_code is None:
        return trouble(attempt.error)
    return gettext("answered %(status)s") % {"status": attempt.status_code}


def trouble(error: str) -> str:
    """Return why nobody answered, with what helps."""
    if error.startswith("refused"):
        return gettext("not called: %(detail)s") % {"detail": words.not_called(error)}
    if error == "timed out":
        return gettext("no answer within 15 seconds")
    if "resolve" in error:
        return gettext("the name of the host is not known; is the address right?")
    if error.startswith("network trouble"):
        return gettext("no connection; is the system running?")
    return error


def waiting(n: int) -> str:
    """Return how many deliveries wait."""
    return ngettext("%(n)s is waiting", "%(n)s are waiting", n) % {"n": n}
