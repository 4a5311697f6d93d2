"""The port through which a conversation reaches its channel; adapters live above this app."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Protocol, cast

from django.conf import settings
from django.utils.module_loading import import_string

from conversations.types import Address


class ChannelSender(Protocol):
    """What a channel must be able to do.

    `open_account` reads the database; the other two go to the network and must not touch it.
    """

    def new_ref(self) -> str:
        """Return an id for a message that has not been sent yet."""
        ...

    def open_account(self, account_ref: uuid.UUID) -> ChannelAccount:
        """Return the account ready for calls.

        Raises:
            Permanent: there is no such account, or it is switched off.
        """
        ...


class ChannelAccount(Protocol):
    """One account of a channel, with what its calls need."""

    def send_text(self, *, to: Address, text: str, ref: str) -> None:
        """Send one message; returns when the channel has accepted it.

        Raises:
            Temporary: it may or may not have been sent; repeat with the same `ref`.
            Permanent: it was refused for good.
        """
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

    def show_typing(self, *, to: Address) -> None:
        """Show that an answer is being written; a failure is nobody's problem.

        Raises:
            Temporary, Permanent: it could not be shown.
        """
        ...


def sender_for(channel_kind: str) -> ChannelSender:
    """Return the adapter of a channel, such as ``"whatsapp"``.

    Raises:
        KeyError: `CHANNEL_SENDERS` has no such channel.
    """
    return cast("ChannelSender", import_string(settings.CHANNEL_SENDERS[channel_kind])())


class Accounts:
    """The accounts of some conversations, each read once; for the length of a transaction."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, uuid.UUID], ChannelAccount] = {}

    def open(self, channel_kind: str, account_ref: uuid.UUID) -> ChannelAccount:
        """Return an account ready for calls.

        Raises:
            Permanent: there is no such account, or it is switched off.
        """
        key = (channel_kind, account_ref)
        if key not in self._open:
            self._open[key] = sender_for(channel_kind).open_account(account_ref)
        return self._open[key]
