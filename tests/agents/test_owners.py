from __future__ import annotations

import pytest

from agents import owners


@pytest.mark.parametrize(
    "written",
    ["+55 (11) 98888-7777", "5511988887777", "551188887777", "11 98888-7777", "(11) 8888-7777"],
)
def test_a_brazilian_mobile_is_one_number_however_it_is_written(written: str) -> None:
    assert owners.typed(written) == owners.identity("5511988887777") == "551188887777"


@pytest.mark.parametrize(
    ("known", "form"),
    [
        ("551133334444", "551133334444"),  # a landline has no ninth digit
        ("5511933334444", "5511933334444"),  # no mobile begins with a three
        ("14155552671", "14155552671"),
        ("4520123456", "4520123456"),  # a Dane, and no landline of Brazil's code 45
        ("12345678901234@lid", "lid:12345678901234"),
        ("", ""),
        ("atendente", ""),
        ("1234567", ""),
    ],
)
def test_what_a_channel_knows_is_compared_as_it_is(known: str, form: str) -> None:
    assert owners.identity(known) == form


def test_a_lid_is_no_phone_of_the_same_digits() -> None:
    assert owners.identity("5511988887777@lid") != owners.identity("5511988887777")
