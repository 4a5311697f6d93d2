"""Whether the contact sees that an answer is being written."""

from __future__ import annotations

import threading

from conversations.services import typing
from conversations.types import Address
from conversations.types_sending import Leave
from tests.fakes.http import wait_until

TO = Address(phone="5519998765432", lid="")


class Phone:
    """A channel that notes what it is asked to show."""

    def __init__(self) -> None:
        self.shown = threading.Event()

    def send(self, **_: object) -> None:
        raise AssertionError("nothing is sent here")

    def show_typing(self, *, to: Address, leave: Leave) -> None:
        self.shown.set()


def test_a_long_wait_shows_that_we_are_typing() -> None:
    phone = Phone()

    typing.show(account=phone, to=TO)

    assert phone.shown.wait(timeout=10)


def test_an_answer_that_is_there_at_once_shows_nothing() -> None:
    quick, slow = Phone(), Phone()

    typing.show(account=quick, to=TO).end()
    typing.show(account=slow, to=TO)

    wait_until(slow.shown.is_set)
    assert not quick.shown.is_set()
