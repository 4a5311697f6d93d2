"""Servers that speak OpenAI's chat completions, reached through the `openai` SDK.

Imported only when such a provider is used: the SDK is large.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx2
from pydantic import BaseModel, field_validator

from integrations import http
from integrations.llm import errors, openai_sdk, reasoning, wire
from integrations.llm.types import (
    NOT_MEASURED,
    ChatConfig,
    ChatDelta,
    ChatMessage,
    ChatRequest,
    ChatResult,
    FinishReason,
    Image,
    Provider,
    ToolCall,
    Usage,
)
from tenants.errors import Temporary

_GAVE_UP = frozenset({"insufficient_system_resource", "error", "abort"})
"""What DeepSeek, OpenRouter and vLLM say where they could not end what they had begun."""


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

    @field_validator("content", mode="before")
    @classmethod
    def _joined(cls, content: object) -> object:
        """Return the text of an answer in parts, as Mistral gives it with its thoughts beside."""
        if not isinstance(content, list):
            return content
        texts = [one.get("text") for one in content if isinstance(one, dict)]
        return "".join(text for text in texts if isinstance(text, str))


class _WireChoice(BaseModel):
    message: _WireMessage | None = None
    delta: _WireMessage | None = None
    finish_reason: str | None = None


class _WireCompletion(BaseModel):
    """An answer or a streamed piece of one, as far as we read it."""

    model: str = ""
    choices: list[_WireChoice] = []
    usage: object = None


class OpenAICompatible:
    """One server and key; safe to share between threads."""

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        self._sdk = openai_sdk.client(
            provider=config.provider, api_key=config.api_key, base_url=config.base_url
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
        with openai_sdk.errors(), http.deadline(self._timeout_s(request)):
            # Not by the method for chats: it goes through the whole request twice, to give names
            # to fields that have theirs already, and costs as much as sending it.
            raw = self._sdk.post(
                "/chat/completions",
                cast_to=httpx2.Response,
                body=self._payload(request),
                options={"timeout": self._timeout_s(request)},
            )
            whole = _WireCompletion.model_validate_json(raw.content)
        if not whole.choices or whole.choices[0].message is None:
            raise Temporary("the answer has no choices")
        choice, message = whole.choices[0], whole.choices[0].message
        answer = _Answer(whole.model or self._model(request))
        answer.add(message, choice.finish_reason)
        answer.usage = _usage(whole.usage)
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
            with openai_sdk.errors(), http.deadline(until - time.monotonic()):
                if pieces is None:
                    pieces = self._open_stream(request)
                piece = next(pieces, None)
                if piece is None:
                    break
                # The SDK does not judge what it read, and warns when asked to give it back.
                part = _WireCompletion.model_validate(piece.to_dict(warnings=False))
            if text := answer.add_piece(part):
                yield ChatDelta(text)
        if answer.finish is None:
            raise Temporary("the stream ended early")
        yield ChatDelta("", answer.result(self._config.provider, began))

    def _open_stream(self, request: ChatRequest) -> Iterator[Any]:
        opened: Iterator[Any] = iter(
            self._sdk.chat.completions.create(
                **self._payload(request),
                timeout=self._timeout_s(request),
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        return opened

    def _model(self, request: ChatRequest) -> str:
        return request.model or self._config.model

    def _timeout_s(self, request: ChatRequest) -> float:
        return min(request.timeout_s, self._config.timeout_s)

    def _payload(self, request: ChatRequest) -> dict[str, Any]:
        # OpenAI's newer models refuse the name that every compatible server knows.
        model = self._model(request)
        reasons = reasoning.reasons(model)
        newer = reasons or self._config.provider == Provider.OPENAI
        limit = request.max_output_tokens + reasoning.room(model)
        payload: dict[str, Any] = {
            "model": model,
            "messages": [_message(message) for message in request.messages],
            "max_completion_tokens" if newer else "max_tokens": limit,
        }
        if not reasons:
            payload["temperature"] = request.temperature
        effort = reasoning.effort(model, max_output_tokens=request.max_output_tokens)
        if effort and self._config.provider == Provider.OPENAI:
            # Other servers name models alike and may refuse what they do not know.
            payload["reasoning_effort"] = effort
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
        if request.response_schema is not None and self._config.provider == Provider.DEEPSEEK:
            # It refuses schemas, and objects too where the prompt does not hold the word "json".
            schema = json.dumps(dict(request.response_schema), ensure_ascii=False)
            rule = f"Answer in json, with one object that follows this JSON schema:\n{schema}"
            payload["messages"].append({"role": "system", "content": rule})
            payload["response_format"] = {"type": "json_object"}
        elif request.response_schema is not None:
            payload["response_format"] = {
                "type": "json_schema",
                "json_schema": {
                    "name": "answer",
                    "strict": True,
                    "schema": dict(request.response_schema),
                },
            }
        return payload


class _Answer:
    """What has come of an answer so far."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.texts: list[str] = []
        self.refused = False
        self.finish: str | None = None
        self.usage = NOT_MEASURED
        self.calls: list[ToolCall] = []
        self.places: dict[int, int] = {}  # where in `calls` stands what the server numbers so

    def add_piece(self, piece: _WireCompletion) -> str:
        """Take in one streamed piece and return its text."""
        if piece.usage is not None:
            self.usage = _usage(piece.usage)
        self.model = piece.model or self.model
        text = ""
        for choice in piece.choices[:1]:
            message = choice.delta or _WireMessage()
            self.add(message, choice.finish_reason)
            text = message.content or ""
        return text

    def add(self, message: _WireMessage, finish: str | None) -> None:
        if message.content:
            self.texts.append(message.content)
        self.refused = self.refused or bool(message.refusal)
        self.finish = finish or self.finish
        for position, called in enumerate(message.tool_calls or []):
            self._add_call(called, position if called.index is None else called.index)

    def _add_call(self, called: _WireToolCall, index: int) -> None:
        """Take in a call, or a piece of one that was begun."""
        function = called.function or _WireFunction()
        place = self.places.get(index)
        # Some servers number no call, or all alike: a new id begins a new one. It has a name then,
        # for other servers give every piece an id of its own, but only the first one a name.
        if place is None or (
            called.id and function.name and called.id != self.calls[place].call_id
        ):
            place = self.places[index] = len(self.calls)
            self.calls.append(ToolCall("", "", ""))
        known = self.calls[place]
        self.calls[place] = ToolCall(
            known.call_id or called.id or "",
            known.name or function.name or "",
            known.arguments + (function.arguments or ""),
        )

    def result(self, provider: str, began: float) -> ChatResult:
        """Return the whole answer.

        Raises:
            BrokenOff: the server gave up before its end.
            EmptyAnswer: it is empty.
            LimitUsedUp: it is, for want of tokens.
        """
        if self.finish in _GAVE_UP:
            raise errors.BrokenOff(self.usage)
        text = "".join(self.texts).strip()
        calls = tuple(self.calls)
        reason = self._reason(bool(calls))
        if not text and not calls and reason is not FinishReason.REFUSED:
            raise errors.empty(reason, self.usage)
        return ChatResult(
            text=text,
            finish_reason=reason,
            usage=self.usage,
            model=wire.name_of(self.model),
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


def _usage(counted: object) -> Usage:
    return Usage(
        wire.count_of(counted, "prompt_tokens"),
        wire.count_of(counted, "completion_tokens"),
        wire.count_of(counted, "prompt_tokens_details", "cached_tokens"),
        wire.count_of(counted, "completion_tokens_details", "reasoning_tokens"),
    )


def _message(message: ChatMessage) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.text}
    if message.images:
        sent["content"] = [
            {"type": "text", "text": message.text},
            *(
                {"type": "image_url", "image_url": {"url": _data_url(image)}}
                for image in message.images
            ),
        ]
    if message.tool_calls:
        sent["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        sent["tool_call_id"] = message.tool_call_id
    return sent


def _data_url(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
