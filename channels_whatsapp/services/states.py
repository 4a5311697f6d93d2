"""What a device's link is, judged from all that is known: no database, no network.

The bridge's two flags are never believed alone: "connected" is also said of a device that waits for
its QR code, "logged in" of one that lost its connection, and of a link that another program took
over nobody says anything. Source: the bridge's contract, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from channels_whatsapp.bridge.client import BridgeStatus
from channels_whatsapp.models import Device

State = Device.State

NO_ANSWER = "no_answer"
"""The detail of a link of which WhatsApp no longer answers, while the bridge calls it connected."""

KEEP_ALIVE_TRUST = timedelta(minutes=4)
"""How long the bridge's own "connected" counts for less than its word that WhatsApp is silent. It
renews such a connection itself after three minutes."""

PAIRED_TRUST = timedelta(seconds=60)
"""How long the bridge may take from the scanned code to the connection."""

CAUSES = frozenset({State.LOGGED_OUT, State.BANNED, State.OUTDATED, State.REPLACED, State.FAILED})
"""States that tell why there is no connection; a mere "not connected" does not take them away."""

UP = frozenset({State.CONNECTED, State.STALLED, State.DISCONNECTED})


@dataclass(frozen=True)
class Verdict:
    """A state and what is known of its cause."""

    state: State
    detail: str = ""


def judge(
    *,
    device: Device,
    status: BridgeStatus,
    is_stalled: bool,
    has_restarted: bool,
    now: datetime,
) -> Verdict:
    """Return the state of a link from what the bridge answers now and what went before.

    Args:
        device: with its state so far.
        is_stalled: messages were handed over and none has been taken for long.
        has_restarted: the bridge has started since the device was last seen connected.
    """
    before = Verdict(State(device.state), device.state_detail)
    since = device.state_changed_at
    age = timedelta.max if since is None else now - since
    if status.is_online:
        is_silent = before == Verdict(State.DISCONNECTED, NO_ANSWER)
        if is_silent and age < KEEP_ALIVE_TRUST:
            return before
        return Verdict(State.STALLED if is_stalled else State.CONNECTED)
    if before.state == State.PAIRED and age < PAIRED_TRUST:
        return before
    if status.is_connected:
        if not device.phone or device.is_pairing(now):
            return Verdict(State.QR)
        # It was linked once and shows codes to nobody: its keys are gone.
        return before if before.state in CAUSES else Verdict(State.LOGGED_OUT)
    if status.is_logged_in:
        return before if before.state == State.DISCONNECTED else Verdict(State.DISCONNECTED)
    return _absent(device, before, has_restarted=has_restarted, now=now)


def _absent(device: Device, before: Verdict, *, has_restarted: bool, now: datetime) -> Verdict:
    if before.state == State.BANNED and is_ban_over(device, now=now):
        return Verdict(State.ABSENT)
    if before.state in CAUSES:
        return before
    if before.state in UP and not has_restarted:
        return Verdict(State.REPLACED)
    return before if before.state == State.ABSENT else Verdict(State.ABSENT)


def is_ban_over(device: Device, *, now: datetime) -> bool:
    """Test whether a ban has run out; one without an end never does by itself."""
    return device.state_until is not None and device.state_until <= now


def after_event(*, device: Device, state: State, detail: str, now: datetime) -> Verdict:
    """Return the state after an event, which may be late: the bridge repeats for minutes."""
    before = Verdict(State(device.state), device.state_detail)
    is_known = bool(device.phone) and not device.is_pairing(now)
    if state == State.DISCONNECTED and before.state in CAUSES:
        return before
    if state == State.QR and is_known:
        return before  # a code from before the pairing, or one that nobody asked for: asking tells
    if state == State.ABSENT and is_known and before.state in (*CAUSES, State.CONNECTED):
        return before  # the end of codes that nobody has looked at
    if state == State.PAIRED and before.state == State.CONNECTED:
        return before  # the two come together, and may change places on the way
    return Verdict(state, detail)
