"""Google's Gemini API, reached through the `google-genai` SDK.

The SDK is imported by this module only, and this module only when the provider is used.
Source of the wire format: the provider's "generateContent" reference page.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from google.genai import types

from integrations import http
from integrations.llm import errors, gemini_sdk, wire
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
from tenants.errors import Temporary

_REFUSALS = frozenset(
    {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"}
)

_GAVE_UP = frozenset({"OTHER", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"})
"""Where it stopped for a reason of its own, or a call of a tool that nobody can read: what it said
until then announces something that does not come."""

_LITTLE = 1_000
"""Tokens of an answer below which a model is not left to think as long as it likes: thoughts count
against the same limit, and an answer of this size would mostly not begin."""

_THINKERS = re.compile(r"gemini-2\.5-(?P<kind>flash|flash-lite|pro)(-preview)?(-[\d-]+)?")
_LEAST_THOUGHTS = {"flash": 0, "flash-lite": 0, "pro": 128}
"""The least budget that each takes, in tokens. Source: Google, "Gemini thinking"."""


class Gemini:
    """One key; safe to share between threads."""

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        self._sdk = gemini_sdk.client(api_key=config.api_key, base_url=config.base_url)

    def chat(self, request: ChatRequest) -> ChatResult:
        """Answer at once; streams below where `request.stream` asks for it.

        Raises:
            Temporary: the server is away, busy, slow, or answered nothing usable.
            Permanent: the server refuses this key, model or request.
        """
        if request.stream:
            return wire.last_result(self.stream(request))
        began = time.monotonic()
        with gemini_sdk.errors(), http.deadline(self._timeout_s(request)):
            response = self._sdk.models.generate_content(**self._payload(request))
            answer = _Answer(self._model(request))
            answer.add(response)
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
        pieces: Iterator[types.GenerateContentResponse] | None = None
        while True:
            # The deadline is set for each step: while the caller holds a piece, time is its own.
            with gemini_sdk.errors(), http.deadline(until - time.monotonic()):
                if pieces is None:
                    pieces = self._sdk.models.generate_content_stream(**self._payload(request))
                piece = next(pieces, None)
                if piece is None:
                    break
                text = answer.add(piece)
            if text:
                yield ChatDelta(text)
        if not answer.finish:
            raise Temporary("the stream ended early")
        yield ChatDelta("", answer.result(self._config.provider, began))

    def _model(self, request: ChatRequest) -> str:
        return request.model or self._config.model

    def _timeout_s(self, request: ChatRequest) -> float:
        return min(request.timeout_s, self._config.timeout_s)

    def _payload(self, request: ChatRequest) -> dict[str, Any]:
        rules = [message.text for message in request.messages if message.role == "system"]
        config: dict[str, Any] = {
            "temperature": request.temperature,
            "max_output_tokens": request.max_output_tokens,
            # Never run by the SDK: a model may ask, code decides.
            "automatic_function_calling": {"disable": True},
        }
        thinker = _THINKERS.fullmatch(self._model(request))
        if thinker and request.max_output_tokens < _LITTLE:
            least = _LEAST_THOUGHTS[thinker["kind"]]
            config["thinking_config"] = {"thinking_budget": least}
            config["max_output_tokens"] += least
        if rules:
            config["system_instruction"] = "\n\n".join(rules)
        if request.tools:
            config["tools"] = [
                {
                    "function_declarations": [
                        {
                            "name": tool.name,
                            "description": tool.description,
                            "parameters_json_schema": dict(tool.parameters),
                        }
                        for tool in request.tools
                    ]
                }
            ]
        if request.response_schema is not None:
            config["response_mime_type"] = "application/json"
            config["response_json_schema"] = dict(request.response_schema)
        return {
            "model": self._model(request),
            "contents": _contents(request.messages),
            "config": types.GenerateContentConfig.model_validate(config),
        }


def _contents(messages: Sequence[ChatMessage]) -> list[types.Content]:
    """Return the turns; neighbours of one role are joined, as the API asks for turns in turn."""
    names = {call.call_id: call.name for one in messages for call in one.tool_calls}
    turns: list[types.Content] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "model" if message.role == "assistant" else "user"
        parts = _parts(message, names)
        if turns and turns[-1].role == role:
            turns[-1].parts = [*(turns[-1].parts or []), *parts]
        else:
            turns.append(types.Content(role=role, parts=parts))
    return turns


def _parts(message: ChatMessage, names: Mapping[str, str]) -> list[types.Part]:
    if message.role == "tool":
        name = names.get(message.tool_call_id, message.tool_call_id)
        return [types.Part.from_function_response(name=name, response={"result": message.text})]
    parts = [
        types.Part.from_bytes(data=image.data, mime_type=image.media_type)
        for image in message.images
    ]
    if message.text:
        parts.append(types.Part.from_text(text=message.text))
    for call in message.tool_calls:
        part = types.Part.from_function_call(name=call.name, args=wire.arguments_of(call))
        if call.signature:
            part.thought_signature = base64.b64decode(call.signature)
        parts.append(part)
    return parts or [types.Part.from_text(text="-")]


class _Answer:
    """What has come of an answer so far."""

    def __init__(self, model: str) -> None:
        self.model = model
        self.texts: list[str] = []
        self.calls: list[ToolCall] = []
        self.finish = ""
        self.usage = NOT_MEASURED

    def add(self, response: types.GenerateContentResponse) -> str:
        """Take in a whole answer or a streamed piece of one, and return its text."""
        self.model = response.model_version or self.model
        if response.usage_metadata is not None:
            self.usage = _usage(response.usage_metadata)
        blocked = response.prompt_feedback
        if blocked is not None and blocked.block_reason is not None:
            self.finish = "SAFETY"
        if not response.candidates:
            return ""
        candidate = response.candidates[0]
        if candidate.finish_reason is not None:
            self.finish = candidate.finish_reason.value
        content = candidate.content
        texts = [self._add_part(part) for part in (content.parts if content else None) or []]
        return "".join(texts)

    def _add_part(self, part: types.Part) -> str:
        if (called := part.function_call) is not None:
            self.calls.append(
                ToolCall(
                    called.id or f"call_{len(self.calls)}",  # not every model gives an id
                    called.name or "",
                    json.dumps(called.args or {}, ensure_ascii=False),
                    base64.b64encode(part.thought_signature or b"").decode(),
                )
            )
        if not part.text or part.thought:
            return ""
        self.texts.append(part.text)
        return part.text

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
        reason = self._reason()
        if not text and not self.calls and reason is not FinishReason.REFUSED:
            raise errors.empty(reason, self.usage)
        return ChatResult(
            text=text,
            finish_reason=reason,
            usage=self.usage,
            model=wire.name_of(self.model),
            provider=provider,
            latency_ms=round((time.monotonic() - began) * 1000),
            tool_calls=tuple(self.calls),
        )

    def _reason(self) -> FinishReason:
        if self.finish in _REFUSALS:
            return FinishReason.REFUSED
        if self.calls:
            return FinishReason.TOOL_CALLS
        return FinishReason.LENGTH if self.finish == "MAX_TOKENS" else FinishReason.STOP


def _usage(counted: types.GenerateContentResponseUsageMetadata) -> Usage:
    """Return the counts; this provider counts thoughts beside the output, not in it."""
    n_input = wire.count_of(counted.prompt_token_count)
    if n_input is None:
        return NOT_MEASURED
    thoughts = wire.count_of(counted.thoughts_token_count)
    output = wire.count_of(counted.candidates_token_count)
    return Usage(
        wire.count_of(n_input + (wire.count_of(counted.tool_use_prompt_token_count) or 0)),
        None
        if output is None and thoughts is None
        else wire.count_of((output or 0) + (thoughts or 0)),
        wire.count_of(counted.cached_content_token_count),
        thoughts,
    )
