"""Anthropic's messages API, reached through the `anthropic` SDK.

The SDK is imported by this module only, and this module only when the provider is used.
Source of the wire format: the provider's "Messages" and "Errors" reference pages.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
from anthropic import Anthropic as AnthropicSDK
from pydantic import BaseModel, ValidationError

from integrations import http
from integrations.egress import check_url
from integrations.llm import errors, wire
from integrations.llm.types import (
    NOT_MEASURED,
    ChatConfig,
    ChatDelta,
    ChatMessage,
    ChatRequest,
    ChatResult,
    FinishReason,
    ToolCall,
    Usage,
)
from tenants.errors import Permanent, Temporary

BASE_URL = "https://api.anthropic.com"

_REASONS = {
    "end_turn": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "tool_use": FinishReason.TOOL_CALLS,
    "max_tokens": FinishReason.LENGTH,
    "model_context_window_exceeded": FinishReason.LENGTH,
    "refusal": FinishReason.REFUSED,
}


class _WireBlock(BaseModel):
    """A piece of content; only texts and tool calls are read, thoughts are passed over."""

    type: str
    text: str = ""
    id: str = ""
    name: str = ""
    input: dict[str, Any] = {}


class _WireMessage(BaseModel):
    model: str = ""
    content: list[_WireBlock] = []
    stop_reason: str | None = None
    usage: object = None


class _WireDelta(BaseModel):
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _WireEvent(BaseModel):
    """One event of a stream, whatever its kind."""

    type: str
    index: int = 0
    message: _WireMessage | None = None
    content_block: _WireBlock | None = None
    delta: _WireDelta | None = None
    usage: object = None


class Anthropic:
    """One key; safe to share between threads."""

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        base_url = config.base_url or BASE_URL
        check_url(base_url)
        if not config.api_key:
            raise Permanent("no key is configured")
        self._sdk = AnthropicSDK(
            api_key=config.api_key,
            base_url=base_url,
            max_retries=0,  # one place retries: the chain, which knows the whole turn's time
            http_client=http.client(),
        )

    def chat(self, request: ChatRequest) -> ChatResult:
        """Answer at once; streams below where `request.stream` asks for it.

        Raises:
            Temporary: the server is away, busy, slow, or answered nothing usable.
            Permanent: the server refuses this key, model or request.
        """
        if request.stream:
            return wire.last_result(self.stream(request))
        began = time.monotonic()
        with _mapped(), http.deadline(self._timeout_s(request)):
            raw = self._sdk.messages.with_raw_response.create(**self._payload(request))
            message = _WireMessage.model_validate_json(raw.http_response.content)
            answer = _Answer(message.model or self._model(request))
            for index, block in enumerate(message.content):
                answer.add_block(index, block)
        answer.finish = message.stop_reason
        answer.usage = message.usage
        return answer.result(self._config.provider, began)

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Answer piece by piece.

        Raises:
            Temporary: as `chat`, and where the stream is cut before its end.
            Permanent: as `chat`.
        """
        began = time.monotonic()
        until = began + self._timeout_s(request)
        answer = _Answer(self._model(request))
        events: Iterator[Any] | None = None
        while True:
            # The deadline is set for each step: while the caller holds a piece, time is its own.
            with _mapped(), http.deadline(until - time.monotonic()):
                if events is None:
                    events = iter(self._sdk.messages.create(**self._payload(request), stream=True))
                raw = next(events, None)
                if raw is None:
                    break
                text = answer.add_event(_WireEvent.model_validate(raw.to_dict(warnings=False)))
            if text:
                yield ChatDelta(text)
        if answer.finish is None:
            raise Temporary("the stream ended early")
        yield ChatDelta("", answer.result(self._config.provider, began))

    def _model(self, request: ChatRequest) -> str:
        return request.model or self._config.model

    def _timeout_s(self, request: ChatRequest) -> float:
        return min(request.timeout_s, self._config.timeout_s)

    def _payload(self, request: ChatRequest) -> dict[str, Any]:
        rules = [message.text for message in request.messages if message.role == "system"]
        payload: dict[str, Any] = {
            "model": self._model(request),
            "messages": _messages(request.messages),
            "max_tokens": request.max_output_tokens,
            # No temperature: the newer models refuse it.
            "timeout": self._timeout_s(request),
        }
        if rules:
            # The rules come first and stay the same from turn to turn: the provider keeps them.
            payload["system"] = [
                {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
                for text in rules
            ]
        if request.tools:
            payload["tools"] = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "input_schema": dict(tool.parameters),
                }
                for tool in request.tools
            ]
        if request.response_schema is not None:
            payload["output_config"] = {
                "format": {"type": "json_schema", "schema": dict(request.response_schema)}
            }
        return payload


def _messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """Return the turns; neighbours of one role are joined, as the API asks for turns in turn."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = _blocks(message)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"].extend(blocks)
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: ChatMessage) -> list[dict[str, Any]]:
    if message.role == "tool":
        return [
            {
                "type": "tool_result",
                "tool_use_id": message.tool_call_id,
                "content": message.text,
            }
        ]
    blocks: list[dict[str, Any]] = [
        {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": image.media_type,
                "data": base64.b64encode(image.data).decode(),
            },
        }
        for image in message.images
    ]
    if message.text.strip():  # an empty text block is refused
        blocks.append({"type": "text", "text": message.text})
    blocks += [
        {
            "type": "tool_use",
            "id": call.call_id,
            "name": call.name,
            "input": wire.arguments_of(call),
        }
        for call in message.tool_calls
    ]
    return blocks or [{"type": "text", "text": "-"}]


class _Answer:
    """What has come of an answer so far."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.texts: list[str] = []
        self.calls: dict[int, ToolCall] = {}
        self.finish: str | None = None
        self.usage: object = None

    def add_block(self, index: int, block: _WireBlock) -> str:
        """Take in one block of content and return its text."""
        if block.type == "text":
            self.texts.append(block.text)
            return block.text
        if block.type == "tool_use":
            arguments = json.dumps(block.input, ensure_ascii=False) if block.input else ""
            self.calls[index] = ToolCall(block.id, block.name, arguments)
        return ""

    def add_event(self, event: _WireEvent) -> str:
        """Take in one event of the stream and return its text."""
        if event.message is not None:
            self.model = event.message.model or self.model
            self.usage = event.message.usage
        if isinstance(event.usage, dict):
            # The counts of a later event are totals and not steps.
            known = self.usage if isinstance(self.usage, dict) else {}
            self.usage = {**known, **event.usage}
        if event.content_block is not None:
            return self.add_block(event.index, event.content_block)
        if event.delta is None:
            return ""
        self.finish = event.delta.stop_reason or self.finish
        if event.delta.partial_json and (call := self.calls.get(event.index)) is not None:
            arguments = call.arguments + event.delta.partial_json
            self.calls[event.index] = ToolCall(call.call_id, call.name, arguments)
        if event.delta.text:
            self.texts.append(event.delta.text)
        return event.delta.text

    def result(self, provider: str, began: float) -> ChatResult:
        """Return the whole answer.

        Raises:
            EmptyAnswer: it is empty.
            LimitUsedUp: it is, for want of tokens.
        """
        text = "".join(self.texts).strip()
        calls = tuple(
            ToolCall(call.call_id, call.name, call.arguments or "{}")
            for _, call in sorted(self.calls.items())
        )
        reason = _REASONS.get(self.finish or "", FinishReason.STOP)
        if calls and reason is FinishReason.STOP:
            reason = FinishReason.TOOL_CALLS
        if not text and not calls and reason is not FinishReason.REFUSED:
            raise errors.empty(reason, _usage(self.usage))
        return ChatResult(
            text=text,
            finish_reason=reason,
            usage=_usage(self.usage),
            model=wire.name_of(self.model),
            provider=provider,
            latency_ms=round((time.monotonic() - began) * 1000),
            tool_calls=calls,
        )


def _usage(counted: object) -> Usage:
    """Return the counts; this provider counts its cache beside the input, not in it."""
    n_input = wire.count_of(counted, "input_tokens")
    if n_input is None:
        return NOT_MEASURED
    cached = wire.count_of(counted, "cache_read_input_tokens")
    kept = wire.count_of(counted, "cache_creation_input_tokens")
    return Usage(
        wire.count_of(n_input + (cached or 0) + (kept or 0)),
        wire.count_of(counted, "output_tokens"),
        cached,
        wire.count_of(counted, "output_tokens_details", "thinking_tokens"),
        kept,
    )


@contextmanager
def _mapped() -> Iterator[None]:
    """Turn what the SDK raises into our two families; bodies and keys stay out of the text."""
    try:
        yield
    except anthropic.APITimeoutError as error:
        raise Temporary("timed out") from error
    except anthropic.APIConnectionError as error:
        raise Temporary("the server cannot be reached or hung up") from error
    except anthropic.APIStatusError as error:
        raise wire.from_status(
            error.status_code, code=_code(error.body), headers=error.response.headers
        ) from error
    except (anthropic.AnthropicError, ValidationError, ValueError, RecursionError) as error:
        raise Temporary("the answer cannot be read") from error
    except httpx2.TimeoutException as error:
        raise Temporary("timed out") from error
    except httpx2.TransportError as error:
        raise Temporary("the server hung up") from error


def _code(body: object) -> str:
    problem = body.get("error") if isinstance(body, dict) else None
    return str(problem.get("type") or "") if isinstance(problem, dict) else ""
