"""The typing indicator: shown while an answer is being written, and never waited for."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from conversations.channels import ChannelAccount
from conversations.types import Address
from tenants.errors import Permanent, Temporary

logger = logging.getLogger(__name__)

_pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="typing")


def show(*, account: ChannelAccount, to: Address) -> None:
    """Ask the channel to show that we are typing; returns at once."""
    if _pool._work_queue.qsize() < 100:  # a bridge that hangs must not gather a queue
        _pool.submit(_show, account, to)


def _show(account: ChannelAccount, to: Address) -> None:
    try:
        account.show_typing(to=to)
    except (Temporary, Permanent) as error:
        logger.info("typing not shown", extra={"reason": error.reason})
