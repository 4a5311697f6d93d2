"""What a contact is shown beside messages, and nobody waits for: typing, and blue ticks."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from conversations.channels import ChannelAccount
from conversations.services import veto
from conversations.types import Address
from tenants.errors import Permanent, Temporary

logger = logging.getLogger(__name__)

AFTER_S = 1.0
"""How long an answer is written before that is shown, in seconds. One that is there sooner needs no
indicator, which could arrive after it; and in a rush all have reached their models by then, so that
the calls take time that nobody else needs."""

HUSHED_S = 20.0
"""For how long nothing is shown on an account after it could not be, in seconds: a bridge that
fails is not asked for what nobody needs, nor does one that hangs keep the others' indicators back.
"""

MAX_WAITING = 500
"""Indicators that wait for their time or for a bridge that hangs; the next ones are left out."""

_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="typing")
_hushed: dict[ChannelAccount, float] = {}  # until when, by the clock of the process


class Indicator:
    """That we are typing, as far as the contact's phone has been told."""

    def __init__(self, account: ChannelAccount, to: Address) -> None:
        self._account, self._to = account, to
        self._due = time.monotonic() + AFTER_S
        self._ended = threading.Event()

    def end(self) -> None:
        """Show nothing any more; what was shown ends with the message, or by itself."""
        self._ended.set()

    def _show(self) -> None:
        if self._ended.wait(max(0.0, self._due - time.monotonic())):
            return
        leave = veto.exempt("typing")
        _shown(self._account, lambda: self._account.show_typing(to=self._to, leave=leave))


def show(*, account: ChannelAccount, to: Address) -> Indicator:
    """Ask the channel to show that we are typing, in a moment; returns at once."""
    indicator = Indicator(account, to)
    if _pool._work_queue.qsize() < MAX_WAITING:
        _pool.submit(indicator._show)
    return indicator


def show_now(*, account: ChannelAccount, to: Address) -> None:
    """Have the channel show that we are typing; returns at once."""
    _aside(account, lambda: account.show_typing(to=to, leave=veto.exempt("typing")))


def show_read(*, account: ChannelAccount, to: Address, refs: Sequence[str]) -> None:
    """Have the channel show messages of a contact as read; returns at once."""
    leave = veto.exempt("read")
    _aside(account, lambda: account.show_read(to=to, refs=refs, leave=leave))


def _aside(account: ChannelAccount, call: Callable[[], None]) -> None:
    if _pool._work_queue.qsize() < MAX_WAITING:
        _pool.submit(_shown, account, call)


def _shown(account: ChannelAccount, call: Callable[[], None]) -> None:
    if _hushed.get(account, 0.0) > time.monotonic():
        return
    try:
        call()
    except Temporary as error:
        logger.info("not shown", extra={"reason": error.reason})
        now = time.monotonic()
        for one in [one for one, until in list(_hushed.items()) if until <= now]:
            _hushed.pop(one, None)
        _hushed[account] = now + HUSHED_S
    except Permanent as error:
        logger.info("not shown", extra={"reason": error.reason})
