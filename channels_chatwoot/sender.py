"""Chatwoot's side of the conversations' outbox."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from channels_chatwoot import outgoing, payloads
from channels_chatwoot.client import Chatwoot, NotForBots, NotThere
from channels_chatwoot.models import MAX_FILE_BYTES, Inbox
from channels_chatwoot.services import inboxes, threads
from conversations.channels import AccountName
from conversations.types import Address
from conversations.types_sending import Content, Leave, NumberRules
from tenants import timers
from tenants.errors import Permanent


class ChatwootSender:
    """Implements `conversations.channels.ChannelSender` as an agent bot."""

    title = "Chatwoot"
    changes_messages = False

    def new_ref(self) -> str:
        """Return an id for a message that has not been sent yet."""
        return inboxes.new_ref()

    def open_account(self, account_ref: uuid.UUID) -> ChatwootAccount:
        """Return the inbox ready for calls.

        Raises:
            Permanent: the inbox is gone or switched off.
        """
        inbox = Inbox.objects.filter(uuid=account_ref, is_enabled=True).first()
        if inbox is None:
            raise Permanent("the Chatwoot inbox was removed or switched off")
        return ChatwootAccount(
            bot=inboxes.bot_of(inbox),
            reader=inboxes.reader_of(inbox),
            number=inbox.number_rules,
            is_echoing=inbox.is_echoing,
        )

    def accounts(self) -> list[AccountName]:
        """Return none: in Chatwoot the contact begins."""
        return []

    def hands_changed(self, *, conversation_id: int, now: datetime) -> None:
        """Have Chatwoot told; see `services.reconciling`."""
        timers.arm(kind=threads.TIMER, ref=conversation_id, due_at=now)


@dataclass(frozen=True)
class ChatwootAccount:
    """One inbox, for calls without the database.

    Attributes:
        reader: reads with a person's token; None where none was given.
        is_echoing: this server shows the ids that we give our messages.
    """

    bot: Chatwoot
    reader: Chatwoot | None
    number: NumberRules
    is_echoing: bool

    def send(self, *, to: Address, content: Content, ref: str, leave: Leave) -> None:
        """Write one message; see `ChannelAccount.send`."""
        self.bot.send(outgoing.message(content, to=to, ref=ref), leave=leave)

    def was_sent(self, *, to: Address, ref: str) -> bool | None:
        """Look for a message among the latest; a bot is shown one, a person twenty.

        Where it is not found and nothing else can say, its echo may still come by webhook.
        """
        try:
            if self.reader is not None:
                latest = self.reader.messages(int(to.thread or 0))
            else:
                shown = self.bot.conversation(int(to.thread or 0)).get("messages")
                latest = shown if isinstance(shown, list) else []
        except (NotForBots, NotThere):
            return None
        if any(isinstance(one, dict) and payloads.our_ref(one) == ref for one in latest):
            return True
        return False if self.reader is not None and self.is_echoing else None

    def edit(self, *, to: Address, ref: str, text: str, leave: Leave) -> None:
        """Refuse: Chatwoot changes no message."""
        del to, ref, text, leave
        raise Permanent("Chatwoot cannot change a message")

    def delete(self, *, to: Address, ref: str, leave: Leave) -> None:
        """Refuse: to a bot Chatwoot gives no way."""
        del to, ref, leave
        raise Permanent("Chatwoot lets no bot take a message back")

    def show_typing(self, *, to: Address, leave: Leave) -> None:
        """Show that an answer is being written; see `ChannelAccount.show_typing`."""
        self.bot.show(outgoing.typing(to=to), leave=leave)

    def show_read(self, *, to: Address, refs: Sequence[str], leave: Leave) -> None:
        """Do nothing: Chatwoot tells contacts itself what was read."""
        del to, refs, leave

    def fetch_file(self, *, source: Mapping[str, object]) -> bytes:
        """Fetch a file from Chatwoot's storage; see `ChannelAccount.fetch_file`."""
        return self.bot.fetch_file(str(source.get("url", "")), max_bytes=MAX_FILE_BYTES)
