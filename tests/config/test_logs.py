"""Log lines carry what helps and nothing that a contact wrote."""

from __future__ import annotations

import io
import logging

import pytest
from django.db import Error, transaction

from config.observability.logs import ContextFilter, JsonFormatter
from conversations.models import ContactAddress
from conversations.services import identity
from conversations.types import Address

PHONE = "5511988887777"


@pytest.mark.parametrize("formatter", [logging.Formatter("%(message)s"), JsonFormatter()])
def test_an_error_of_the_database_is_logged_without_the_row(alpha, formatter):
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(ContextFilter())
    handler.setFormatter(formatter)
    logger = logging.getLogger("tests.rows")
    logger.addHandler(handler)
    contact = identity.ensure_contact(address=Address(phone=PHONE), name="Ana")
    try:
        try:
            with transaction.atomic():
                ContactAddress.objects.create(contact=contact, kind="phone", value=PHONE)
        except Error as error:
            raise LookupError("no contact") from error
    except LookupError:
        logger.exception("entry failed")
    finally:
        logger.removeHandler(handler)

    assert "one_contact_per_address" in out.getvalue()
    assert "LookupError: no contact" in out.getvalue()
    assert PHONE not in out.getvalue()
