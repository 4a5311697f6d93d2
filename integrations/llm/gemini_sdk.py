"""The `google-genai` SDK behind our guard, with its errors sorted into our two families.

Imported only where Gemini is used: the SDK takes almost a second and 50 MB.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from google import genai
from google.genai import errors as genai_errors
from google.genai import types as genai_types
from pydantic import ValidationError

from integrations import http
from integrations.egress import check_url
from integrations.llm import wire
from integrations.llm.gemini_usage import PlainUsage
from tenants.errors import Permanent, Temporary

BASE_URL = "https://generativelanguage.googleapis.com"


class _NoWayOut(httpx2.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("only synchronous calls are made", request=request)


# The SDK prepares connections of its own per client, outside our guard, and reads the certificate
# authorities for them twice, which takes 40 ms. None is ever opened, so none is given a way.
_NOBODY = httpx2.AsyncClient(transport=_NoWayOut(), trust_env=False)
_TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

_WRONG_KEY = "API_KEY_INVALID"
_DELAY = re.compile(r'"retryDelay": "(\d{1,5}(?:\.\d+)?)s"')


def client(*, api_key: str, base_url: str) -> genai.Client:
    """Return the SDK's client for one key; safe to share between threads.

    All that the SDK would else read from the process's environment, which is the operator's and not
    the tenant's, is given.

    Raises:
        Permanent: there is no key, or the address is refused.
    """
    if not api_key:
        raise Permanent("no key is configured")
    base_url = base_url or BASE_URL
    check_url(base_url)
    return genai.Client(
        vertexai=False,
        api_key=api_key,
        http_options=genai_types.HttpOptions(
            base_url=base_url,
            api_version="v1beta",
            httpx_client=http.client(PlainUsage),
            httpx_async_client=_NOBODY,
            async_client_args={"verify": _TRUSTS_NOBODY, "ssl": _TRUSTS_NOBODY},
            retry_options=genai_types.HttpRetryOptions(attempts=1),  # one place retries, not here
        ),
    )


@contextmanager
def errors() -> Iterator[None]:
    """Turn what the SDK raises into our two families; bodies and keys stay out of the text."""
    try:
        yield
    except genai_errors.APIError as error:
        raise _from_answer(error) from error
    except httpx2.TimeoutException as error:
        raise Temporary("timed out") from error
    except httpx2.TransportError as error:
        raise Temporary("the server cannot be reached or hung up") from error
    except (
        genai_errors.UnknownApiResponseError,
        ValidationError,
        ValueError,
        AttributeError,
        KeyError,
        TypeError,
        RecursionError,
    ) as error:
        # The SDK takes the answer apart without looking at its shape first.
        raise Temporary("the answer cannot be read") from error


def _from_answer(error: genai_errors.APIError) -> Temporary | Permanent:
    """Return our error; of the body only a short code and the wait asked for are kept."""
    try:
        status = int(error.code)
    except (TypeError, ValueError):
        return Temporary("the answer cannot be read")
    if status < 400:
        return Permanent(f"HTTP {status}")  # a redirect, which is never followed
    found = getattr(error.response, "headers", None) or {}
    headers = {str(name).lower(): str(value) for name, value in found.items()}
    details = json.dumps(error.details, default=str)
    if (asked := _DELAY.search(details)) is not None:  # google.rpc.RetryInfo
        headers.setdefault("retry-after", asked[1])
    # A wrong key comes as a bad request; google.rpc.ErrorInfo tells.
    code = _WRONG_KEY if _WRONG_KEY in details else str(error.status or "")
    return wire.from_status(status, code=code.lower(), headers=headers)
