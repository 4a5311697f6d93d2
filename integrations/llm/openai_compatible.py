"""Servers that speak OpenAI's chat completions, reached through the `openai` SDK.

The SDK is imported by this module only, and this module only when such a provider is used.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
from openai import OpenAI
from pydantic import BaseModel, ValidationError

from integrations import http
from integrations.llm.types import (
    NOT_MEASURED,
    ChatConfig,
    ChatDelta,
    ChatMessage,
    ChatRequest,
    ChatResult,
    FinishReason,
    Provider,
    ToolCall,
    Usage,
)
from tenants.errors import Permanent, Temporary

BASE_URLS = {
    Provider.OPENAI: "https://api.openai.com/v1",
    Provider.DEEPSEEK: "https://api.deepseek.com/v1",
}

_TRY_LATER = frozenset({408, 409, 425, 429})

_NEVER_HELPS = frozenset({"insufficient_quota", "billing_not_active", "account_deactivated"})
"""Codes that come with a 429 although no wait helps: somebody has to pay first."""

_CODE = re.compile(r"[a-z_]{1,40}")
"""What a provider's error code looks like. Narrow on purpose: a hostile server could send the key
back in this place, and the reason is stored."""


class _WireFunction(BaseModel):
    name: str | None = None
    arguments: str | None = None


class _WireToolCall(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _WireFunction | None = None


class _WireMessage(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_WireToolCall] | None = None


class _WireChoice(BaseModel):
    message: _WireMessage | None = None
    delta: _WireMessage | None = None
    finish_reason: str | None = None


class _WirePromptDetails(BaseModel):
    cached_tokens: int | None = None


class _WireCompletionDetails(BaseModel):
    reasoning_tokens: int | None = None


class _WireUsage(BaseModel):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _WirePromptDetails | None = None
    completion_tokens_details: _WireCompletionDetails | None = None


class _WireCompletion(BaseModel):
    """An answer or a streamed piece of one, as far as we read it."""

    model: str = ""
    choices: list[_WireChoice] = []
    usage: _WireUsage | None = None


class OpenAICompatible:
    """One server and key; safe to share between threads."""

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        base_url = config.base_url or BASE_URLS.get(Provider(config.provider), "")
        if not base_url:
            raise Permanent("no base URL is configured")
        http.check_url(base_url)
        self._sdk = OpenAI(
            api_key=config.api_key or "none",  # local servers ask for none, the SDK for some
            base_url=base_url,
            max_retries=0,  # one place retries: the chain, which knows the whole turn's time
            http_client=http.client(),
        )
        # The SDK fills these from the process's environment, which is the operator's and not the
        # tenant's; given as empty texts they would be sent as empty headers.
        self._sdk.organization = None
        self._sdk.project = None

    def chat(self, request: ChatRequest) -> ChatResult:
        """Answer at once; streams below where `request.stream` asks for it.

        Raises:
            Temporary: the server is away, busy, slow, or answered nothing usable.
            Permanent: the server refuses this key, model or request.
        """
        if request.stream:
            for delta in self.stream(request):
                if delta.result:
                    return delta.result
            raise Temporary("the stream ended early")
        began = time.monotonic()
        with self._mapped(), http.deadline(self._timeout_s(request)):
            raw = self._sdk.chat.completions.with_raw_response.create(**self._payload(request))
            wire = _WireCompletion.model_validate_json(raw.content)
        if not wire.choices or wire.choices[0].message is None:
            raise Temporary("the answer has no choices")
        choice, message = wire.choices[0], wire.choices[0].message
        answer = _Answer(wire.model or self._model(request))
        answer.add(message, choice.finish_reason)
        answer.usage = _usage(wire.usage)
        return answer.result(self._config.provider, began)

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Answer piece by piece.

        Raises:
            Temporary: as `chat`, and where the stream is cut before its finish reason.
            Permanent: as `chat`.
        """
        began = time.monotonic()
        until = began + self._timeout_s(request)
        answer = _Answer(self._model(request))
        pieces: Iterator[Any] | None = None
        while True:
            # The deadline is set for each step: while the caller holds a piece, time is its own.
            with self._mapped(), http.deadline(until - time.monotonic()):
                if pieces is None:
                    pieces = self._open_stream(request)
                piece = next(pieces, None)
                if piece is None:
                    break
                # The SDK does not judge what it read, and warns when asked to give it back.
                wire = _WireCompletion.model_validate(piece.to_dict(warnings=False))
            if text := answer.add_piece(wire):
                yield ChatDelta(text)
        if answer.finish is None:
            raise Temporary("the stream ended early")
        yield ChatDelta("", answer.result(self._config.provider, began))

    def _open_stream(self, request: ChatRequest) -> Iterator[Any]:
        opened: Iterator[Any] = iter(
            self._sdk.chat.completions.create(
                **self._payload(request), stream=True, stream_options={"include_usage": True}
            )
        )
        return opened

    def _model(self, request: ChatRequest) -> str:
        return request.model or self._config.model

    def _timeout_s(self, request: ChatRequest) -> float:
        return min(request.timeout_s, self._config.timeout_s)

    def _payload(self, request: ChatRequest) -> dict[str, Any]:
        # OpenAI's newer models refuse the name that every compatible server knows.
        limit = (
            "max_completion_tokens" if self._config.provider == Provider.OPENAI else "max_tokens"
        )
        payload: dict[str, Any] = {
            "model": self._model(request),
            "messages": [_message(message) for message in request.messages],
            "temperature": request.temperature,
            "timeout": self._timeout_s(request),
            limit: request.max_output_tokens,
        }
        if request.tools:
            payload["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": dict(tool.parameters),
                    },
                }
                for tool in request.tools
            ]
        if request.response_schema is not None:
            payload["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": "answer",
                    "strict": True,
                    "schema": dict(request.response_schema),
                },
            }
        return payload

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn what the SDK raises into our two families; bodies and keys stay out of the text."""
        try:
            yield
        except openai.APITimeoutError as error:
            raise Temporary("timed out") from error
        except openai.APIConnectionError as error:
            raise Temporary("the server cannot be reached or hung up") from error
        except openai.APIStatusError as error:
            raise _from_status(error) from error
        except (openai.OpenAIError, ValidationError, ValueError) as error:
            raise Temporary("the answer cannot be read") from error
        except httpx2.TimeoutException as error:
            raise Temporary("timed out") from error
        except httpx2.TransportError as error:
            raise Temporary("the server hung up") from error


class _Answer:
    """What has come of an answer so far."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.texts: list[str] = []
        self.refused = False
        self.finish: str | None = None
        self.usage = NOT_MEASURED
        self.calls: dict[int, ToolCall] = {}

    def add_piece(self, wire: _WireCompletion) -> str:
        """Take in one streamed piece and return its text."""
        if wire.usage is not None:
            self.usage = _usage(wire.usage)
        self.model = wire.model or self.model
        text = ""
        for choice in wire.choices[:1]:
            message = choice.delta or _WireMessage()
            self.add(message, choice.finish_reason)
            text = message.content or ""
        return text

    def add(self, message: _WireMessage, finish: str | None) -> None:
        if message.content:
            self.texts.append(message.content)
        self.refused = self.refused or bool(message.refusal)
        self.finish = finish or self.finish
        for place, wire in enumerate(message.tool_calls or []):
            index = place if wire.index is None else wire.index
            known = self.calls.get(index, ToolCall("", "", ""))
            function = wire.function or _WireFunction()
            self.calls[index] = ToolCall(
                known.call_id or wire.id or "",
                known.name or function.name or "",
                known.arguments + (function.arguments or ""),
            )

    def result(self, provider: str, began: float) -> ChatResult:
        """Return the whole answer.

        Raises:
            Temporary: it is empty.
        """
        text = "".join(self.texts).strip()
        calls = tuple(self.calls[index] for index in sorted(self.calls))
        reason = self._reason(bool(calls))
        if not text and not calls and reason is not FinishReason.REFUSED:
            raise Temporary("the answer is empty")
        return ChatResult(
            text=text,
            finish_reason=reason,
            usage=self.usage,
            model=self.model,
            provider=provider,
            latency_ms=round((time.monotonic() - began) * 1000),
            tool_calls=calls,
        )

    def _reason(self, has_calls: bool) -> FinishReason:
        if self.refused or self.finish == "content_filter":
            return FinishReason.REFUSED
        if has_calls:  # some servers say "stop" beside tool calls
            return FinishReason.TOOL_CALLS
        return FinishReason.LENGTH if self.finish == "length" else FinishReason.STOP


def _usage(wire: _WireUsage | None) -> Usage:
    if wire is None:
        return NOT_MEASURED
    prompt, completion = wire.prompt_tokens_details, wire.completion_tokens_details
    return Usage(
        wire.prompt_tokens,
        wire.completion_tokens,
        prompt.cached_tokens if prompt else None,
        completion.reasoning_tokens if completion else None,
    )


def _message(message: ChatMessage) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.tool_calls:
        wire["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _from_status(error: openai.APIStatusError) -> Temporary | Permanent:
    """Return our error; of the body only a short code is kept."""
    status = error.status_code
    code = str(error.code or "")
    reason = f"HTTP {status} {code}" if _CODE.fullmatch(code) else f"HTTP {status}"
    if code in _NEVER_HELPS:
        return Permanent(reason)
    if status in _TRY_LATER or status >= 500:
        return Temporary(reason, retry_after_s=_retry_after_s(error.response.headers))
    return Permanent(reason)


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    """Return the wait asked for, in seconds; a date is not understood and counts as none.

    Source: RFC 9110, 10.2.3; `retry-after-ms` is OpenAI's own and finer.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit_s
        except (KeyError, ValueError):
            continue
        if 0 <= seconds < 86_400:
            return seconds
    return None
