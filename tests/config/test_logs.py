"""Log lines carry what helps and nothing that a contact wrote."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from django.db import Error, transaction

from config.observability.logs import ContextFilter, JsonFormatter
from conversations.models import ContactAddress
from conversations.services import identity
from conversations.types import Address
from tests.config.test_asgi import ask

PHONE = "5511988887777"


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize("path", ["/admin/nowhere/", "/api/v1/agents/"])
def test_a_refused_request_is_logged_with_its_tenant_and_id(path: str) -> None:
    lines: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.addFilter(ContextFilter())
    handler.emit = lines.append  # type: ignore[method-assign]
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    headers: dict[bytes, bytes] = {}

    async def send(message: Any) -> None:
        headers.update(message.get("headers", ()))

    try:
        ask(path, send=send)
    finally:
        logger.removeHandler(handler)

    told = [(vars(one)["tenant"], vars(one)["request_id"]) for one in lines]
    assert told == [("t_alpha", headers[b"X-Request-Id"].decode())]


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
