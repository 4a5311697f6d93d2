"""Why an embedding model could not be prepared, in the words of a business owner."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from integrations.llm.errors import BudgetExhausted
from tenants.errors import Permanent, Temporary

_STATUS = re.compile(r"HTTP (\d{3})")
_NOT_PAID = ("insufficient_quota", "billing_not_active", "account_deactivated")


def failure(error: Temporary | Permanent) -> str:
    """Return why it was given up, in the active language."""
    if isinstance(error, BudgetExhausted):
        return _no_money()
    if isinstance(error, Temporary):
        return _(
            "The provider could not be reached for too long (%(reason)s). Try again when it works."
        ) % {"reason": error.reason}
    return _permanent(error.reason)


def trial(error: Temporary | Permanent) -> str:
    """Return why a first trial failed, in the active language."""
    if isinstance(error, BudgetExhausted):
        return _no_money()
    if isinstance(error, Temporary):
        return _("The provider does not answer at the moment (%(reason)s). Try again later.") % {
            "reason": error.reason
        }
    return _permanent(error.reason)


def waits(error: Temporary) -> str:
    """Return why it has stopped for a while, in the active language."""
    return _("The provider does not answer at the moment (%(reason)s); it is tried again.") % {
        "reason": error.reason
    }


LOST = "its worker was lost"


def _no_money() -> str:
    return _("The budget for models does not allow it. Raise the budget and try again.")


def _permanent(reason: str) -> str:
    if reason == LOST:
        return _("Preparing it stopped several times without a result. Try again.")
    if any(code in reason for code in _NOT_PAID):
        return _("The provider says that the account has no credit left. Top it up and try again.")
    found = _STATUS.match(reason)
    match int(found[1]) if found else 0:
        case 401 | 403:
            return _("The provider refused the key. Check the credential and try again.")
        case 404:
            return _("The provider does not know this model. Check its name and try again.")
        case 400 | 422:
            return _(
                "The provider refused the request (%(reason)s). Check that this is a model for"
                " embeddings, and the key."
            ) % {"reason": reason}
    if "not public" in reason or "refused" in reason:
        return _("The address of the credential may not be called from here (%(reason)s).") % {
            "reason": reason
        }
    return _("It cannot work like this: %(reason)s.") % {"reason": reason}
