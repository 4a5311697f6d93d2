"""The WhatsApp side of the conversations' outbox."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from channels_whatsapp.bridge import outgoing
from channels_whatsapp.bridge.client import Bridge
from channels_whatsapp.models import Device
from channels_whatsapp.services import servers
from channels_whatsapp.services.devices import new_message_ref
from conversations.channels import AccountName
from conversations.types import Address
from conversations.types_sending import Content, Leave, NumberRules
from tenants.errors import Permanent


class WhatsAppSender:
    """Implements `conversations.channels.ChannelSender` on a bridge."""

    title = "WhatsApp"
    changes_messages = True

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
        bridge = Bridge(
            base_url=device.bridge_base_url,
            token=device.bridge_token(),
            is_on_platform=device.is_on_platform,
        )
        return WhatsAppAccount(bridge, max_bytes=device.rules.max_bytes, number=device.number_rules)

    def accounts(self) -> list[AccountName]:
        """Return the devices that are switched on; see `ChannelSender`."""
        found = Device.objects.filter(is_enabled=True).order_by("name", "pk")
        return [AccountName(one.uuid, one.name, one.entry_agent_id) for one in found]

    def hands_changed(self, *, conversation_id: int, now: datetime) -> None:
        """Do nothing: on a phone there is nobody to be told."""
        del conversation_id, now


@dataclass(frozen=True)
class WhatsAppAccount:
    """One device, for calls without the database."""

    bridge: Bridge
    max_bytes: int = 16 * 1024 * 1024
    number: NumberRules = field(default_factory=NumberRules)

    def send(self, *, to: Address, content: Content, ref: str, leave: Leave) -> None:
        """Send one message; see `ChannelAccount.send`."""
        self.bridge.send(outgoing.message(content, to=to, ref=ref), leave=leave)

    def was_sent(self, *, to: Address, ref: str) -> bool | None:
        """Look for a message in what the bridge keeps; see `ChannelAccount.was_sent`."""
        return self.bridge.was_sent(chats=outgoing.jids(to), ref=ref)

    def edit(self, *, to: Address, ref: str, text: str, leave: Leave) -> None:
        """Replace a message's text; see `ChannelAccount.edit`."""
        self.bridge.send(outgoing.edit(to=to, ref=ref, text=text), leave=leave)

    def delete(self, *, to: Address, ref: str, leave: Leave) -> None:
        """Take a message back; see `ChannelAccount.delete`."""
        self.bridge.send(outgoing.delete(to=to, ref=ref), leave=leave)

    def show_typing(self, *, to: Address, leave: Leave) -> None:
        """Show that an answer is being written; see `ChannelAccount.show_typing`."""
        self.bridge.show(outgoing.typing(to=to), leave=leave)

    def show_read(self, *, to: Address, refs: Sequence[str], leave: Leave) -> None:
        """Show messages as read; in a group the bridge wants each author, and none is shown."""
        if not to.group:
            self.bridge.show(outgoing.read(to=to, refs=refs), leave=leave)

    def fetch_file(self, *, source: Mapping[str, object]) -> bytes:
        """Fetch a file from the bridge's store or through the bridge; see `ChannelAccount`."""
        return self.bridge.fetch_file(source, max_bytes=self.max_bytes)
