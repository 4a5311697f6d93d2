"""The states of an inbox in words for the people of the business."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from channels_chatwoot.models import Inbox
from conversations.services import words

State = Inbox.State

_ADVICE: Mapping[str, object] = {
    State.UNKNOWN: _("It is tested within a minute."),
    State.READY: _("The token works, and what a lost event missed is fetched."),
    State.BLIND: _(
        "The token works, but this version of Chatwoot lets no bot read. Enter the token of one of"
        " your agents as well: without it nobody notices what a lost event missed, nor that a"
        " conversation was set to pending before its contact writes."
    ),
    State.REFUSED: _(
        "Chatwoot refuses the agent bot's token, or the account number is another's. Copy both"
        " once more."
    ),
    State.READER_REFUSED: _(
        "The agent bot's token works, but Chatwoot refuses the agent's. Copy it once more from the"
        " agent's profile, or remove it."
    ),
    State.NO_INBOX: _(
        "The tokens work, but the agent sees no inbox of this number. Check the number, and that"
        " the agent is a member of the inbox."
    ),
    State.UNREACHABLE: _("Chatwoot cannot be reached. Check the address, and try again."),
    State.FORBIDDEN: _("This address may not be called. Ask the operator of the platform."),
}
_ONE_ONLY = _(
    "The token works. Of what lost events missed only the last message is fetched; with an agent's"
    " token all of it is."
)
_TONES: Mapping[str, str] = {
    State.READY: "good",
    State.BLIND: "warn",
    State.UNREACHABLE: "warn",
    State.UNKNOWN: "",
}


_TOLD = ("Chatwoot answered ",)
"""Causes that say more than the state does; what they begin with."""


def tone(inbox: Inbox) -> str:
    """Return how a state is shown; see `tenants.panel.badge`."""
    return _TONES.get(inbox.state, "bad")


def verdict(inbox: Inbox) -> str:
    """Say in a sentence how an inbox is, and what helps."""
    said = str(_ADVICE[inbox.state])
    if inbox.state == State.READY and not inbox.reader_token_encrypted:
        said = str(_ONE_ONLY)
    if inbox.state_detail.startswith(_TOLD):
        return f"{said} ({words.reason(inbox.state_detail)})"
    return said
