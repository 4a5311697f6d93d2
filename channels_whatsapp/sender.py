"""The WhatsApp side of the conversations' outbox."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from channels_whatsapp.bridge.client import Bridge
from channels_whatsapp.models import Device
from channels_whatsapp.services import servers
from channels_whatsapp.services.devices import new_message_ref
from conversations.types import Address
from tenants.errors import Permanent


class WhatsAppSender:
    """Implements `conversations.channels.ChannelSender` on a bridge."""

    def new_ref(self) -> str:
        """Return an id for a message that has not been sent yet."""
        return new_message_ref()

    def open_account(self, account_ref: uuid.UUID) -> WhatsAppAccount:
        """Return the device ready for calls.

        Raises:
            Permanent: the device is gone or switched off.
        """
        device = (
            Device.objects.annotate(is_on_platform=servers.is_platforms_bridge())
            .filter(uuid=account_ref, is_enabled=True)
            .first()
        )
        if device is None:
            raise Permanent("the device was removed or switched off")
        bridge = Bridge(base_url=device.bridge_base_url, token=device.bridge_token())
        return WhatsAppAccount(
            bridge, max_bytes=device.rules.max_bytes, is_on_platform=device.is_on_platform
        )


@dataclass(frozen=True)
class WhatsAppAccount:
    """One device, for calls without the database.

    Attributes:
        is_on_platform: its bridge is the platform's, whose store of files may be a private one.
    """

    bridge: Bridge
    max_bytes: int = 16 * 1024 * 1024
    is_on_platform: bool = False

    def send_text(self, *, to: Address, text: str, ref: str) -> None:
        """Send one message; see `ChannelAccount.send_text`."""
        # A phone is resolved to its LID by the bridge, which knows the better address.
        phone = to.phone or _jid(to)
        self.bridge.send_text(phone=phone, body=text, ref=ref)

    def show_typing(self, *, to: Address) -> None:
        """Show that an answer is being written; see `ChannelAccount.show_typing`."""
        self.bridge.show_typing(jid=_jid(to))

    def fetch_file(self, *, source: Mapping[str, object]) -> bytes:
        """Fetch a file from the bridge's store or through the bridge; see `ChannelAccount`."""
        return self.bridge.fetch_file(
            source, max_bytes=self.max_bytes, public_only=not self.is_on_platform
        )


def _jid(to: Address) -> str:
    if to.group:
        return f"{to.group}@g.us"
    return f"{to.phone}@s.whatsapp.net" if to.phone else f"{to.lid}@lid"
