"""Whether the contact sees that an answer is being written."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from conversations.services import typing
from conversations.types import Address
from conversations.types_sending import Leave
from tenants.errors import Temporary
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

    assert phone.shown.wait(timeout=60)


def test_an_answer_that_is_there_at_once_shows_nothing() -> None:
    quick, slow = Phone(), Phone()

    typing.show(account=quick, to=TO).end()
    typing.show(account=slow, to=TO)

    wait_until(slow.shown.is_set)
    assert not quick.shown.is_set()


def test_a_bridge_that_fails_is_left_alone_for_a_while() -> None:
    class Broken(Phone):
        n_asked = 0

        def show_read(self, *, to: Address, refs: Sequence[str], leave: Leave) -> None:
            self.n_asked += 1
            self.shown.set()
            raise Temporary("network trouble")

    broken, sound = Broken(), Phone()
    typing.show_read(account=broken, to=TO, refs=["A"])
    wait_until(lambda: broken in typing._hushed)

    typing.show_read(account=broken, to=TO, refs=["B"])
    typing.show_now(account=sound, to=TO)
    wait_until(sound.shown.is_set)
    assert broken.n_asked == 1
