"""Named places at which a test may kill the process, to prove that nothing is lost there.

`FAILPOINT=after_llm` makes the process exit without any clean-up when it passes that place.
`FAILPOINT=after_llm:3` lets it pass twice first. Unset in production: one string comparison.
"""

from __future__ import annotations

import os
from collections import Counter

from django.conf import settings

NAMES = (
    "inbox_claimed",
    "inbox_before_commit",
    "inbox_after_commit",
    "turn_begun",
    "turn_before_llm",
    "turn_after_llm",
    "turn_before_commit",
    "turn_after_commit",
    "send_claimed",
    "send_before_call",
    "send_after_call",
    "send_after_commit",
)
# In work that no contact waits for; the same promise, other tests.
BACKGROUND_NAMES = (
    "space_embedded",
    "space_kept",
    "space_switched",
    "page_fetched",
    "page_stored",
    "people_begun",
    "people_before_commit",
    "delivery_before_call",
    "delivery_after_call",
)
EXIT_CODE = 86
_passed: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die here if the environment asks for it."""
    wanted, _, at = settings.FAILPOINT.partition(":")
    if wanted != name:
        return
    _passed[name] += 1
    if _passed[name] >= int(at or 1):
        os._exit(EXIT_CODE)
