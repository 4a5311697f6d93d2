"""The channel of programs: what is said there is told by webhook and read over the API.

Nothing is sent anywhere, so nothing can fail, and whatever leaves still passes the veto point.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

from conversations.channels import AccountName
from conversations.types import Address
from conversations.types_sending import Content, Leave, NumberRules
from tenants.errors import Permanent

KIND = "api"
ACCOUNT_REF = uuid.UUID("5d2c8a1e-7c3b-4f0a-9a55-6b1f0e6d9c10")
"""The one account of this channel, the same in each tenant's schema."""


class ThreadSender:
    """Implements `conversations.channels.ChannelSender`."""

    title = "API"
    changes_messages = True

    def new_ref(self) -> str:
        """Return an id for a message that has not been sent yet."""
        return f"api-{uuid.uuid4().hex}"

    def open_account(self, account_ref: uuid.UUID) -> ThreadAccount:
        """Return the account."""
        del account_ref
        return ThreadAccount()

    def accounts(self) -> Sequence[AccountName]:
        """Return none: nobody is written to here."""
        return []

    def hands_changed(self, *, conversation_id: int, now: datetime) -> None:
        """Do nothing: the event of the conversation tells of it."""


class ThreadAccount:
    """Implements `conversations.channels.ChannelAccount`."""

    number = NumberRules()

    def send(self, *, to: Address, content: Content, ref: str, leave: Leave) -> None:
        """Do nothing: the message stands in the conversation, and its event tells of it.

        Raises:
            Permanent: it is for the business's own people, who are not here.
        """
        del to, content, ref
        if leave.purpose == "staff":
            raise Permanent("nobody is reached over the API")

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
            Permanent: programs bring none.
        """
        raise Permanent("programs bring no files")

    def show_typing(self, *, to: Address, leave: Leave) -> None:
        """Do nothing."""

    def show_read(self, *, to: Address, refs: Sequence[str], leave: Leave) -> None:
        """Do nothing."""
