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

MAX_WAITING = 500
"""Indicators that wait for their time or for a bridge that hangs; the next ones are left out."""

_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="typing")


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
        try:
            self._account.show_typing(to=self._to, leave=veto.exempt("typing"))
        except (Temporary, Permanent) as error:
            logger.info("typing not shown", extra={"reason": error.reason})


def show(*, account: ChannelAccount, to: Address) -> Indicator:
    """Ask the channel to show that we are typing, in a moment; returns at once."""
    indicator = Indicator(account, to)
    if _pool._work_queue.qsize() < MAX_WAITING:
        _pool.submit(indicator._show)
    return indicator


def show_now(*, account: ChannelAccount, to: Address) -> None:
    """Have the channel show that we are typing; returns at once."""
    _aside(lambda: account.show_typing(to=to, leave=veto.exempt("typing")))


def show_read(*, account: ChannelAccount, to: Address, refs: Sequence[str]) -> None:
    """Have the channel show messages of a contact as read; returns at once."""
    _aside(lambda: account.show_read(to=to, refs=refs, leave=veto.exempt("read")))


def _aside(call: Callable[[], None]) -> None:
    def work() -> None:
        try:
            call()
        except (Temporary, Permanent) as error:
            logger.info("not shown", extra={"reason": error.reason})

    if _pool._work_queue.qsize() < MAX_WAITING:
        _pool.submit(work)
