"""The WhatsApp side of the conversations' outbox."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from channels_whatsapp.bridge.client import Bridge
from channels_whatsapp.models import Device
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
        device = Device.objects.filter(uuid=account_ref, is_enabled=True).first()
        if device is None:
            raise Permanent("the device was removed or switched off")
        return WhatsAppAccount(Bridge(base_url=device.bridge_base_url, token=device.bridge_token()))


@dataclass(frozen=True)
class WhatsAppAccount:
    """One device, for calls without the database."""

    bridge: Bridge

    def send_text(self, *, to: Address, text: str, ref: str) -> None:
        """Send one message; see `ChannelAccount.send_text`."""
        # A phone is resolved to its LID by the bridge, which knows the better address.
        phone = to.phone or f"{to.lid}@lid"
        self.bridge.send_text(phone=phone, body=text, ref=ref)

    def show_typing(self, *, to: Address) -> None:
        """Show that an answer is being written; see `ChannelAccount.show_typing`."""
        jid = f"{to.phone}@s.whatsapp.net" if to.phone else f"{to.lid}@lid"
        self.bridge.show_typing(jid=jid)
