"""Log records with the tenant and the request or task that they belong to, and nothing private."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from celery import current_task
from django.db import connection
from django.http import HttpRequest, HttpResponse
from pythonjsonlogger.json import JsonFormatter as BaseJsonFormatter

_request_id: ContextVar[str] = ContextVar("request_id", default="")
_IN_META = "prosa.request_id"
# PostgreSQL adds to its errors what the row held: phone numbers, names, texts.
_ROW = re.compile(
    r"\n(?:LINE \d+|DETAIL|CONTEXT|QUERY):"
    r".*?(?=\n\n(?:The above exception|During handling)|\Z)",
    re.DOTALL,
)
# And into what it says of a value that is none of its type.
_VALUE = re.compile(r'(invalid input syntax for [^:\n]+: |: value )"[^"\n]*"')
# Django's own, which it shows with what was searched for, is in the message with its path alone.
_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "context", "request"}


class ContextFilter(logging.Filter):
    """Add `tenant`, `request_id` and `task_id` to a record, and show its extras as text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Fill the record in; never drop one."""
        # What Django says of a refused request, it says from another thread, when all is over.
        request = getattr(record, "request", None)
        tenant = getattr(request, "tenant", None) or connection
        record.tenant = getattr(tenant, "schema_name", None) or "public"
        if request_id := _request_id.get() or getattr(request, "META", {}).get(_IN_META, ""):
            record.request_id = request_id
        if current_task and current_task.request.id:
            record.task_id = current_task.request.id
        extras = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        record.context = " ".join(f"{key}={value}" for key, value in extras.items())
        if record.exc_info and not record.exc_text:
            record.exc_text = without_rows(logging.Formatter().formatException(record.exc_info))
        return True


def without_rows(text: str) -> str:
    """Return a traceback without what the database says of a row's values."""
    return _VALUE.sub(r"\1(left out)", _ROW.sub(" (row left out)", text))


class JsonFormatter(BaseJsonFormatter):
    """One JSON object a line, without the text format's copy of the extras."""

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}", style="{", reserved_attrs=sorted(_STANDARD)
        )

    def formatException(self, ei: Any) -> Any:
        """Return the traceback without what the database says of a row's values."""
        text = super().formatException(ei)
        return without_rows(text) if isinstance(text, str) else text


class RequestIdMiddleware:
    """Give each request an id that its log lines and its answer carry."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, with its id in `X-Request-Id`."""
        token = _request_id.set(uuid.uuid4().hex)
        request.META[_IN_META] = _request_id.get()
        try:
            response = self.get_response(request)
            response["X-Request-Id"] = _request_id.get()
            return response
        finally:
            _request_id.reset(token)
