"""What of that which arrives at a device is kept and answered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass

from django.db import transaction

from channels_whatsapp.models import FILE_KINDS, MOST_FILE_MB, Device
from channels_whatsapp.services.devices import BadDevice
from channels_whatsapp.types import InGroup
from conversations.types import Address
from tenants.audit.record import record


@dataclass(frozen=True)
class ReceptionEdit:
    """What people choose of a device's reception; see the columns of `Device`."""

    groups: str
    kept_files: Collection[str]
    file_max_mb: int
    sound_max_s: int
    file_wait_s: int


def set_reception(*, device: Device, edit: ReceptionEdit, actor: str) -> list[str]:
    """Change what a device keeps and answers; return the names of what changed.

    Raises:
        BadDevice: an unknown kind, or a number out of range.
    """
    kinds = [kind for kind, _label in FILE_KINDS]
    in_range = (
        set(edit.kept_files) <= set(kinds)
        and edit.groups in Device.Groups.values
        and 1 <= edit.file_max_mb <= MOST_FILE_MB
        and 1 <= edit.sound_max_s <= 3600
        and 0 <= edit.file_wait_s <= 120
    )
    if not in_range:
        raise BadDevice("A kind of file or a limit of the reception cannot be taken.")
    wanted = asdict(edit)
    del wanted["kept_files"]
    wanted["unkept_files"] = [kind for kind in kinds if kind not in edit.kept_files]
    with transaction.atomic():
        held = Device.objects.select_for_update(of=("self",)).get(pk=device.pk)
        changed = [name for name, value in wanted.items() if getattr(held, name) != value]
        for name in changed:
            setattr(held, name, wanted[name])
            setattr(device, name, wanted[name])
        if changed:
            held.save(update_fields=changed)
            record(
                action="device.reception_changed",
                actor=actor,
                target=f"device {device.uuid}",
                data={"fields": changed},
            )
    return changed


def refusal_in_group(*, device: Device, group: InGroup) -> str:
    """Return why a message of a group is not for us, or nothing."""
    if device.groups == Device.Groups.IGNORE:
        return "group"
    own = {device.phone, device.own_lid} - {""}
    return "" if own & group.mentions else "group_not_mentioned"


def is_own_chat(*, device: Device, other: Address) -> bool:
    """Test whether somebody writes to themselves: the notes of a number's owner are for nobody."""
    own = {device.phone, device.own_lid} - {""}
    return bool(own & {other.phone, other.lid})


def learn_own(*, device: Device, own: Address | None) -> None:
    """Remember the device's own LID, under which groups mention it."""
    if own is not None and own.lid and own.lid != device.own_lid:
        device.own_lid = own.lid
        device.save(update_fields=["own_lid"])
