"""Money, models and failures in the words of the people who pay for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from integrations.models import Credential

_FAILURES: Mapping[str, object] = {
    "timed out": gettext_lazy("took too long to answer"),
    "the server cannot be reached or hung up": gettext_lazy("cannot be reached"),
    "the server hung up": gettext_lazy("ended the connection"),
    "the stream ended early": gettext_lazy("stopped in the middle of an answer"),
    "the answer is empty": gettext_lazy("answered nothing"),
    "the limit of tokens was used up before the answer": gettext_lazy("answered nothing"),
    "the answer has no choices": gettext_lazy("answered nothing"),
    "the answer cannot be read": gettext_lazy("gave an answer that cannot be read"),
    "the answer is not JSON": gettext_lazy("gave an answer that cannot be read"),
    "no key is configured": gettext_lazy("has no key"),
    "no base URL is configured": gettext_lazy("has no address"),
    "the host name does not resolve": gettext_lazy("has an address that does not exist"),
    "its server describes it otherwise than was approved": gettext_lazy(
        "is described otherwise than was approved"
    ),
    "it answered with an error": gettext_lazy("answered with an error"),
    "its process stopped": gettext_lazy("was cut off before its answer came"),
    "the program cannot be started": gettext_lazy("cannot be started"),
    "refused address: not public (see EGRESS_ALLOWED_PRIVATE)": gettext_lazy(
        "has an address that is not public, and this installation does not allow it"
    ),
    "refused address: not public (see EGRESS_ALLOWED_TENANTS)": gettext_lazy(
        "has an address that is not public, and this installation does not allow it"
    ),
}

_NOT_CALLED: Mapping[str, object] = {
    "refused address: not public (see EGRESS_ALLOWED_PRIVATE)": gettext_lazy(
        "it is not public and not in EGRESS_ALLOWED_PRIVATE"
    ),
    "refused address: not public (see EGRESS_ALLOWED_TENANTS)": gettext_lazy(
        "it is not public and not in EGRESS_ALLOWED_TENANTS"
    ),
    "refused address: blanks or backslashes in it": gettext_lazy("blanks or backslashes in it"),
    "refused address: unreadable": gettext_lazy("it cannot be read"),
    "refused address: only http:// and https:// are allowed": gettext_lazy(
        "only http:// and https:// are allowed"
    ),
    "refused address: no user name or password may be in it": gettext_lazy(
        "no user name or password may be in it"
    ),
    "refused address: it names a network interface": gettext_lazy("it names a network interface"),
    "refused program: the operator does not allow it (see MCP_STDIO_COMMANDS)": gettext_lazy(
        "the program is not in MCP_STDIO_COMMANDS"
    ),
    "the host name does not resolve": gettext_lazy("there is no such host name"),
    "timed out": gettext_lazy("no answer in time"),
}

_DEGRADED: Mapping[str, object] = {
    "budget": gettext_lazy("A budget was nearly used up, so the cheaper model answered."),
}

_NO_CONNECTION = "network trouble"  # followed by what the library calls it

_STATUS = re.compile(r"(?<!\d)(401|403|404|408|429|5\d\d)(?!\d)")

_STATUSES: Mapping[str, object] = {
    "401": gettext_lazy("refused the key"),
    "403": gettext_lazy("refused the key"),
    "404": gettext_lazy("does not know this model"),
    "408": gettext_lazy("took too long to answer"),
    "429": gettext_lazy("refused more calls: too many at once, or no credit left"),
    "5": gettext_lazy("had an error of its own"),
}


def failure(reason: str) -> str:
    """Say what a provider did, to go on after its name; an unknown text is shown as it is."""
    if reason in _FAILURES:
        return str(_FAILURES[reason])
    if reason.startswith(_NO_CONNECTION):
        return str(_FAILURES["the server cannot be reached or hung up"])
    found = _STATUS.search(reason)
    if found is None:
        return reason
    status = found[1]
    words = _STATUSES.get(status, _STATUSES["5"])
    return f"{words} ({status})"


def not_called(reason: str) -> str:
    """Say why an address was not reached, to stand in brackets; an unknown text stays as it is."""
    if reason.startswith(_NO_CONNECTION):
        return _("nothing answers there")
    return str(_NOT_CALLED.get(reason) or _FAILURES.get(reason, reason))


def degraded(code: str) -> str:
    """Say why a call was not made as usual."""
    return str(_DEGRADED.get(code, code))


def provider(name: str) -> str:
    """Return a provider's name as it writes it."""
    if name == Credential.Kind.OPENAI_COMPATIBLE:
        return _("OpenAI-compatible server")
    known = {str(value): str(label) for value, label in Credential.Kind.choices}
    return known.get(name, name)


def usd(amount: Decimal | None) -> str:
    """Return an amount in dollars; small ones with as many digits as they need."""
    return not_measured() if amount is None else f"US$\u00a0{_money(amount)}"


def brl(amount: Decimal | None) -> str:
    """Return an amount in reais; None is one for which no rate was given."""
    return _("no rate") if amount is None else f"R$\u00a0{_money(amount)}"


def number(count: int | None) -> str:
    """Return a number with its thousands apart; None is what nobody counted."""
    return not_measured() if count is None else number_format(count, force_grouping=True)


def decimal(value: float, digits: int = 1) -> str:
    """Return a number with the active language's decimal sign."""
    return number_format(round(value, digits), decimal_pos=digits)


def not_measured() -> str:
    """Return what stands for a number that is not known, which is not zero."""
    return _("not measured")


def _money(amount: Decimal) -> str:
    if amount == 0 or abs(amount) >= Decimal("0.1"):
        digits = 2
    elif abs(amount) >= Decimal("0.01"):
        digits = 4
    else:
        digits = 6
    if 0 < abs(amount) < Decimal("0.000001"):
        return f"< {number_format(Decimal('0.000001'), decimal_pos=6)}"
    # Django cuts what it does not show, and money is rounded.
    rounded = amount.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return number_format(rounded, decimal_pos=digits, force_grouping=True)
