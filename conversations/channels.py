"""The port through which a conversation reaches its channel; adapters live above this app."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from conversations.types import Address
from conversations.types_sending import Content, Leave, NumberRules
from tenants.remembering import Remembered


class ChannelSender(Protocol):
    """What a channel must be able to do.

    `open_account` and `accounts` read the database; what an account does goes to the network and
    must not touch it.
    """

    @property
    def title(self) -> str:
        """What people call the channel."""
        ...

    @property
    def changes_messages(self) -> bool:
        """Whether what was sent can be edited and taken back there."""
        ...

    def new_ref(self) -> str:
        """Return an id for a message that has not been sent yet."""
        ...

    def open_account(self, account_ref: uuid.UUID) -> ChannelAccount:
        """Return the account ready for calls.

        Raises:
            Permanent: there is no such account, or it is switched off.
        """
        ...

    def accounts(self) -> Sequence[AccountName]:
        """Return the accounts that can write to who has not written yet, by name."""
        ...

    def hands_changed(self, *, conversation_id: int, now: datetime) -> None:
        """Note that the assistant was given a conversation, or it was taken from it, or closed.

        Joins the caller's transaction, which holds the conversation's lock. A channel with people
        of its own sets a timer here, to tell them.
        """
        ...


@dataclass(frozen=True, slots=True)
class AccountName:
    """An account as people choose it.

    Args:
        entry_agent_id: who answers a contact who begins there; None for nobody.
    """

    account_ref: uuid.UUID
    name: str
    entry_agent_id: int | None


class ChannelAccount(Protocol):
    """One account of a channel, with what its calls need."""

    @property
    def number(self) -> NumberRules:
        """How this account sends; what `conversations.services.veto` judges by."""
        ...

    def send(self, *, to: Address, content: Content, ref: str, leave: Leave) -> None:
        """Send one message; returns when the channel has accepted it.

        Args:
            leave: that it may be sent; only the veto point gives one.

        Raises:
            Temporary: it was not sent; where it `is_unknown`, it may have been.
            Permanent: it was refused for good.
        """
        ...

    def was_sent(self, *, to: Address, ref: str) -> bool | None:
        """Tell whether the channel has sent a message of ours; None where it cannot say.

        Raises:
            Temporary: it could not be asked.
        """
        ...

    def edit(self, *, to: Address, ref: str, text: str, leave: Leave) -> None:
        """Replace the text of a message that was sent.

        Raises:
            Temporary: it may or may not have been replaced; repeat it.
            Permanent: it was refused for good.
        """
        ...

    def delete(self, *, to: Address, ref: str, leave: Leave) -> None:
        """Take a message that was sent back for everyone; raises as `edit` does."""
        ...

    def fetch_file(self, *, source: Mapping[str, object]) -> bytes:
        """Return a file that a contact sent, no larger than the account allows.

        Args:
            source: as the channel gave it with the message, see `IncomingFile`.

        Raises:
            Temporary: it could not be had now.
            Permanent: it is gone, or larger than is allowed.
        """
        ...

    def show_typing(self, *, to: Address, leave: Leave) -> None:
        """Show that an answer is being written; a failure is nobody's problem.

        Raises:
            Temporary, Permanent: it could not be shown.
        """
        ...

    def show_read(self, *, to: Address, refs: Sequence[str], leave: Leave) -> None:
        """Show messages of a contact as read; a failure is nobody's problem.

        Raises:
            Temporary, Permanent: it could not be shown.
        """
        ...


def sender_for(channel_kind: str) -> ChannelSender:
    """Return the adapter of a channel, such as ``"whatsapp"``.

    Raises:
        KeyError: `CHANNELS` has no such channel.
    """
    return cast("ChannelSender", import_string(settings.CHANNELS[channel_kind]["sender"])())


_Open = dict[tuple[str, uuid.UUID], ChannelAccount]

_lately: Remembered[_Open] = Remembered(dict)


class Accounts:
    """The accounts of some conversations, each read once; for the length of a transaction.

    One that another transaction has just opened is not read again: what is switched off or gets
    another key may be used for `settings.REMEMBER_S` longer, as by a call that is under way.
    """

    def __init__(self) -> None:
        self._open: _Open = {}

    def open(self, channel_kind: str, account_ref: uuid.UUID) -> ChannelAccount:
        """Return an account ready for calls.

        Raises:
            Permanent: there is no such account, or it is switched off.
        """
        key = (channel_kind, account_ref)
        if key not in self._open:
            lately = _lately.get()
            if key not in lately:
                lately[key] = sender_for(channel_kind).open_account(account_ref)
            self._open[key] = lately[key]
        return self._open[key]
