"""A server on loopback that speaks Anthropic's messages API."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.fakes.http import Answer, Received, json_answer
from tests.fakes.llm import CALLS, FakeModel, Mode, common_failure, count, words

PATH = "/v1/messages"
_STATUS = {
    Mode.UNAUTHORIZED: (401, "authentication_error"),
    Mode.BAD_REQUEST: (400, "invalid_request_error"),
    Mode.NO_MODEL: (404, "not_found_error"),
    Mode.BUSY: (429, "rate_limit_error"),
    Mode.BROKE: (429, "billing_error"),
    Mode.BROKEN: (500, "api_error"),
    Mode.OVERLOADED: (529, "overloaded_error"),
}


class FakeAnthropic(FakeModel):
    n_kept = 0
    """Tokens that it says it wrote to its cache, beside the words of the prompt."""

    def answer(self, request: Received) -> Answer | None:
        scripted = super().answer(request)
        if scripted is not None:
            return scripted
        if request.method == "GET" and request.path == "/v1/models":
            return json_answer({"data": [{"id": "claude-fake-1", "type": "model"}]})
        if request.path != PATH:
            return None
        payload = request.json()
        assert isinstance(payload, dict)
        if self.mode in _STATUS:
            status, kind = _STATUS[self.mode]
            headers = {"retry-after": "7"} if self.mode is Mode.BUSY else {}
            body = {"type": "error", "error": {"type": kind, "message": "no: sk-secret"}}
            return json_answer(body, status=status, headers=headers)
        streams = bool(payload.get("stream"))
        if (failed := common_failure(self.mode, streams=streams)) is not None:
            return failed
        text = self._texts.popleft() if self._texts else "Tudo certo."
        return _message(payload, text, mode=self.mode, delay_s=self.delay_s, n_kept=self.n_kept)


def prompt_words(payload: dict[str, Any]) -> int:
    """Return what this server counts as input: the words of all texts."""
    texts = [one["text"] for one in payload.get("system", [])]
    for message in payload["messages"]:
        texts += [block.get("text", "") for block in message["content"]]
    return sum(map(count, texts))


def _message(
    payload: dict[str, Any], text: str, *, mode: Mode, delay_s: float, n_kept: int
) -> Answer:
    content: list[dict[str, Any]] = [{"type": "text", "text": text}]
    finish = {
        Mode.FILTERED: "refusal",
        Mode.TOOL_CALLS: "tool_use",
        Mode.LENGTH: "max_tokens",
    }.get(mode, "end_turn")
    if mode in {Mode.EMPTY, Mode.FILTERED}:
        content = []
    if mode is Mode.TOOL_CALLS:
        content = [
            {
                "type": "tool_use",
                "id": call["id"],
                "name": call["function"]["name"],
                "input": json.loads(call["function"]["arguments"]),
            }
            for call in CALLS
        ]
    usage = {
        # Three of the words came from the cache, which this API counts beside the others.
        "input_tokens": prompt_words(payload) - 3,
        "cache_read_input_tokens": 3,
        "cache_creation_input_tokens": n_kept,
        "output_tokens": count(text),
        "output_tokens_details": {"thinking_tokens": 0},
    }
    head = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": payload["model"],
        "stop_sequence": None,
    }
    if payload.get("stream"):
        return _stream(head, content, finish, usage, mode, delay_s)
    body = {**head, "content": content, "stop_reason": finish, "usage": usage}
    raw = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    if mode is Mode.CUT:
        return Answer(headers=headers, parts=(raw[: len(raw) // 2],), cut=True, delay_s=delay_s)
    return Answer(headers=headers, body=raw, delay_s=delay_s)


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n".encode()


def _stream(
    head: dict[str, Any],
    content: Sequence[dict[str, Any]],
    finish: str,
    usage: dict[str, Any],
    mode: Mode,
    delay_s: float,
) -> Answer:
    begun = {**usage, "output_tokens": 1}
    message = {**head, "content": [], "stop_reason": None, "usage": begun}
    parts = [_event("message_start", message=message), _event("ping")]
    for index, block in enumerate(content):
        if block["type"] == "text":
            start: dict[str, Any] = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in words(block["text"])]
        else:
            start = {**block, "input": {}}
            arguments = json.dumps(block["input"]) if block["input"] else ""
            half = len(arguments) // 2
            deltas = [
                {"type": "input_json_delta", "partial_json": piece}
                for piece in ("", arguments[:half], arguments[half:])
            ]
        parts.append(_event("content_block_start", index=index, content_block=start))
        parts += [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
        parts.append(_event("content_block_stop", index=index))
    headers = {"content-type": "text/event-stream"}
    if mode is Mode.CUT:
        half = max(2, len(parts) // 2)
        return Answer(headers=headers, parts=tuple(parts[:half]), cut=True, delay_s=delay_s)
    if mode is Mode.SILENT_END:
        return Answer(headers=headers, parts=tuple(parts), delay_s=delay_s)
    if mode is Mode.LATE_ERROR:
        parts.append(_event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
        return Answer(headers=headers, parts=tuple(parts), delay_s=delay_s)
    last = {"stop_reason": finish, "stop_sequence": None}
    parts.append(
        _event("message_delta", delta=last, usage={"output_tokens": usage["output_tokens"]})
    )
    parts.append(_event("message_stop"))
    return Answer(headers=headers, parts=tuple(parts), delay_s=delay_s)
