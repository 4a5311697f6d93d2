"""Log lines carry what helps and nothing that a contact wrote."""

from __future__ import annotations

import io
import logging
import traceback
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.log import log_response

from config.observability.logs import ContextFilter, JsonFormatter, without_rows
from conversations.models import ContactAddress
from conversations.services import identity
from conversations.types import Address
from tests.config.test_asgi import ask
from tests.config.test_repository import ROOT

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


@pytest.mark.parametrize(
    "formatter", [logging.Formatter("%(message)s %(context)s"), JsonFormatter()]
)
def test_a_refused_request_is_logged_without_what_was_searched_for(
    formatter: logging.Formatter, rf: RequestFactory
) -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(ContextFilter())
    handler.setFormatter(formatter)
    logger = logging.getLogger("django.request")
    logger.addHandler(handler)
    request = rf.get("/admin/nowhere/", {"q": PHONE})
    try:
        log_response(
            "Not Found: %s", request.path, response=HttpResponse(status=404), request=request
        )
    finally:
        logger.removeHandler(handler)

    assert "/admin/nowhere/" in out.getvalue()
    assert PHONE not in out.getvalue()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("select %s, 'a'::nothing", 'type "nothing" does not exist'),
        ("select %s::integer", "is out of range for type integer"),
        ("select %s::uuid", "invalid input syntax for type uuid"),
    ],
)
def test_a_statement_that_fails_is_logged_without_its_values(
    alpha: object, statement: str, told: str
) -> None:
    with pytest.raises(Error) as failed, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, [f"+{PHONE}"])

    logged = without_rows("".join(traceback.format_exception(failed.value)))

    assert told in logged
    assert PHONE not in logged


def test_no_process_logs_the_addresses_that_are_asked_for() -> None:
    for name in ("Dockerfile", "Makefile"):
        [line] = [one for one in (ROOT / name).read_text().splitlines() if "config.asgi" in one]
        assert "--no-access-log" in line
