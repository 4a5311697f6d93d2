"""Trying a key: does the provider take it, and which models does it offer?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from integrations import http
from integrations.llm.types import Provider
from integrations.services import words
from tenants.errors import Permanent, Temporary

TIMEOUT_S = 10.0
MAX_MODELS = 500

_BASE_URLS = {
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.DEEPSEEK: "https://api.deepseek.com/v1",
    Provider.ANTHROPIC: "https://api.anthropic.com",
    Provider.GEMINI: "https://generativelanguage.googleapis.com",
}


class KeyState(StrEnum):
    """What a provider says of a key."""

    WORKS = "works"
    REFUSED = "refused"
    NO_LIST = "no_list"  # the server answers, but cannot list its models
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"  # our own guard does not let us go there
    NOT_NEEDED = "not_needed"
    UNREADABLE = "unreadable"  # it was encrypted for another row or under a key that is gone


@dataclass(frozen=True, slots=True)
class KeyVerdict:
    """How a try went.

    Args:
        models: what the provider offers with this key, sorted; empty where it cannot say.
        detail: a short cause, such as ``"HTTP 401"``; without any secret.
    """

    state: KeyState
    models: tuple[str, ...] = ()
    detail: str = ""

    @property
    def is_good(self) -> bool:
        """Tell whether models can be asked with this key, as far as a try can show."""
        return self.state in {KeyState.WORKS, KeyState.NOT_NEEDED}

    def text(self) -> str:
        """Return what to tell the person who saved the key."""
        texts = {
            KeyState.WORKS: ngettext(
                "The key works; %(n)s model can be chosen.",
                "The key works; %(n)s models can be chosen.",
                len(self.models),
            ),
            KeyState.REFUSED: _("The provider refuses this key (%(detail)s). Copy it once more."),
            KeyState.NO_LIST: _(
                "The server answers, but does not list its models (%(detail)s). Type the name of"
                " the model by hand."
            ),
            KeyState.UNREACHABLE: _(
                "The server cannot be reached (%(detail)s). Check the address, and try again."
            ),
            KeyState.FORBIDDEN: _(
                "This address may not be called (%(detail)s). Ask the operator of the platform."
            ),
            KeyState.NOT_NEEDED: _("No key is needed: the best passage is quoted."),
            KeyState.UNREADABLE: _("The stored key cannot be read. Enter it once more."),
        }
        detail = words.not_called(self.detail)
        return texts[self.state] % {"n": len(self.models), "detail": detail}


def address(*, provider: str, base_url: str) -> str:
    """Return where a provider is asked; empty where there is nobody to ask."""
    known = _BASE_URLS.get(Provider(provider), "") if provider in set(Provider) else ""
    return (base_url or known).rstrip("/")


def try_key(*, provider: str, api_key: str, base_url: str = "") -> KeyVerdict:
    """Ask a provider for its models with a key; never raises for what the provider does.

    Raises:
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    if provider == Provider.OFFLINE:
        return KeyVerdict(KeyState.NOT_NEEDED)
    base = address(provider=provider, base_url=base_url)
    path, headers = _how_to_ask(Provider(provider), api_key)
    try:
        answer = http.request("GET", base + path, headers=headers, timeout_s=TIMEOUT_S)
        if answer.status in {401, 403}:
            return KeyVerdict(KeyState.REFUSED, detail=f"HTTP {answer.status}")
        if answer.status == 400 and provider == Provider.GEMINI:  # its word for a wrong key
            return KeyVerdict(KeyState.REFUSED, detail="HTTP 400")
        if answer.status != 200:
            return KeyVerdict(KeyState.NO_LIST, detail=f"HTTP {answer.status}")
        return KeyVerdict(KeyState.WORKS, models=_names(answer.json()))
    except Permanent as error:
        return KeyVerdict(KeyState.FORBIDDEN, detail=error.reason)
    except Temporary as error:
        return KeyVerdict(KeyState.UNREACHABLE, detail=error.reason)


def _how_to_ask(provider: Provider, api_key: str) -> tuple[str, dict[str, str]]:
    if provider is Provider.ANTHROPIC:
        headers = {"x-api-key": api_key, "anthropic-version": "2023-06-01"}
        return "/v1/models?limit=1000", headers
    if provider is Provider.GEMINI:
        return "/v1beta/models?pageSize=1000", {"x-goog-api-key": api_key}
    return "/models", {"authorization": f"Bearer {api_key or 'none'}"}


def _names(body: object) -> tuple[str, ...]:
    """Return the models of a list in any of the three shapes; what cannot be read is left out."""
    if not isinstance(body, dict):
        return ()
    listed = body.get("data") or body.get("models") or []
    names = {
        str(one.get("id") or one.get("name") or "").removeprefix("models/")
        for one in (listed if isinstance(listed, list) else [])
        if isinstance(one, dict)
    }
    # For half a character or a NUL in one the database refuses all of them.
    good = (name for name in names if 0 < len(name) <= 120 and name.isprintable())
    return tuple(sorted(good))[:MAX_MODELS]
