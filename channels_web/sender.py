"""The web chat's side of the conversations' outbox.

Nothing is sent anywhere: what has left stands in the conversation, and the visitor's page reads it
there. So nothing can fail, and whatever leaves still passes the veto point.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from channels_web.models import WebChat
from conversations.channels import AccountName
from conversations.types import Address, MessageKind
from conversations.types_sending import Content, Leave, NumberRules
from tenants.errors import Permanent


class WebSender:
    """Implements `conversations.channels.ChannelSender`."""

    changes_messages = True

    @property
    def title(self) -> str:
        """What people call the channel."""
        return _("Web chat")

    def new_ref(self) -> str:
        """Return an id for a message that has not been sent yet."""
        return f"web-{uuid.uuid4().hex}"

    def open_account(self, account_ref: uuid.UUID) -> WebAccount:
        """Return the chat.

        Raises:
            Permanent: it is gone or switched off: nobody could read what is written there.
        """
        chat = WebChat.objects.filter(uuid=account_ref, is_active=True).first()
        if chat is None:
            raise Permanent("the web chat was removed or switched off")
        return WebAccount(number=chat.number_rules)

    def accounts(self) -> Sequence[AccountName]:
        """Return none: on a web page the visitor begins."""
        return []

    def hands_changed(self, *, conversation_id: int, now: datetime) -> None:
        """Do nothing: the visitor's page hears of it."""


@dataclass(frozen=True)
class WebAccount:
    """One chat."""

    number: NumberRules

    def send(self, *, to: Address, content: Content, ref: str, leave: Leave) -> None:
        """Do nothing: the message stands in the conversation.

        Raises:
            Permanent: it is no text, or for the business's own people, who are not here.
        """
        del to, ref
        if leave.purpose == "staff":
            raise Permanent("nobody of the business is reached over the web chat")
        if content.kind != MessageKind.TEXT:
            raise Permanent("the web chat shows texts only")

    def was_sent(self, *, to: Address, ref: str) -> bool:
        """Tell that it was."""
        del to, ref
        return True

    def edit(self, *, to: Address, ref: str, text: str, leave: Leave) -> None:
        """Do nothing; the conversation has the new text."""

    def delete(self, *, to: Address, ref: str, leave: Leave) -> None:
        """Do nothing; the conversation shows it as taken back."""

    def fetch_file(self, *, source: Mapping[str, object]) -> bytes:
        """Return no file.

        Raises:
            Permanent: visitors bring none.
        """
        raise Permanent("visitors bring no files")

    def show_typing(self, *, to: Address, leave: Leave) -> None:
        """Do nothing: that a turn runs is told to who listens."""

    def show_read(self, *, to: Address, refs: Sequence[str], leave: Leave) -> None:
        """Do nothing."""
