"""The `openai` SDK behind our guard, with its errors sorted into our two families.

Imported only where such a provider is used: the SDK takes half a second and 50 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai
from openai import OpenAI
from pydantic import ValidationError

from integrations import http
from integrations.egress import check_url
from integrations.llm import wire
from integrations.llm.types import Provider
from tenants.errors import Permanent, Temporary

BASE_URLS = {
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.DEEPSEEK: "https://api.deepseek.com/v1",
}


def client(*, provider: str, api_key: str, base_url: str) -> OpenAI:
    """Return the SDK's client for one server and key; safe to share between threads.

    Raises:
        Permanent: no address is known for the provider, or the one given is refused.
    """
    base_url = base_url or BASE_URLS.get(Provider(provider), "")
    if not base_url:
        raise Permanent("no base URL is configured")
    check_url(base_url)
    sdk = OpenAI(
        api_key=api_key or "none",  # local servers ask for none, the SDK for some
        base_url=base_url,
        max_retries=0,  # one place retries, and it is not this one
        http_client=http.client(),
    )
    # The SDK fills these from the process's environment, which is the operator's and not the
    # tenant's; given as empty texts they would be sent as empty headers.
    sdk.organization = None
    sdk.project = None
    return sdk


@contextmanager
def errors() -> Iterator[None]:
    """Turn what the SDK raises into our two families; bodies and keys stay out of the text."""
    try:
        yield
    except openai.APITimeoutError as error:
        raise Temporary("timed out") from error
    except openai.APIConnectionError as error:
        # The SDK wraps whatever the transport raises, our guard's refusal too.
        if isinstance(error.__cause__, (Permanent, Temporary)):
            raise error.__cause__ from error
        raise Temporary("the server cannot be reached or hung up") from error
    except openai.APIStatusError as error:
        raise wire.from_status(
            error.status_code, code=str(error.code or ""), headers=error.response.headers
        ) from error
    except (openai.OpenAIError, ValidationError, ValueError, RecursionError) as error:
        raise Temporary("the answer cannot be read") from error
    except httpx2.TimeoutException as error:
        raise Temporary("timed out") from error
    except httpx2.TransportError as error:
        raise Temporary("the server hung up") from error
