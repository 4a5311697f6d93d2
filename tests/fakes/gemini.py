"""A server on loopback that speaks Gemini's generateContent."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.fakes.http import Answer, Received, json_answer
from tests.fakes.llm import CALLS, FakeModel, Mode, common_failure, count, words

_CALL = re.compile(r"/v1beta/models/([\w.-]+):(generateContent|streamGenerateContent)")
_STATUS = {
    Mode.UNAUTHORIZED: (401, "UNAUTHENTICATED"),
    Mode.BAD_REQUEST: (400, "INVALID_ARGUMENT"),
    Mode.NO_MODEL: (404, "NOT_FOUND"),
    Mode.BUSY: (429, "RESOURCE_EXHAUSTED"),
    Mode.BROKE: (403, "PERMISSION_DENIED"),
    Mode.BROKEN: (500, "INTERNAL"),
    Mode.OVERLOADED: (503, "UNAVAILABLE"),
}


class FakeGemini(FakeModel):
    def answer(self, request: Received) -> Answer | None:
        scripted = super().answer(request)
        if scripted is not None:
            return scripted
        if request.method == "GET" and request.path == "/v1beta/models":
            return json_answer({"models": [{"name": "models/gemini-fake-1"}]})
        called = _CALL.fullmatch(request.path)
        if called is None:
            return None
        payload = request.json()
        assert isinstance(payload, dict)
        if self.mode in _STATUS:
            return _error(*_STATUS[self.mode], with_delay=self.mode is Mode.BUSY)
        streams = called[2] == "streamGenerateContent"
        if (failed := common_failure(self.mode, streams=streams)) is not None:
            return failed
        text = self._texts.popleft() if self._texts else "Tudo certo."
        return _content(payload, called[1], text, streams, mode=self.mode, delay_s=self.delay_s)


def prompt_words(payload: dict[str, Any]) -> int:
    """Return what this server counts as input: the words of all texts."""
    contents = [payload.get("systemInstruction", {"parts": []}), *payload["contents"]]
    return sum(count(part.get("text", "")) for one in contents for part in one["parts"])


def _error(status: int, name: str, *, with_delay: bool) -> Answer:
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"}]
    body = {"error": {"code": status, "message": "no: AIza-secret", "status": name}}
    if with_delay:
        body["error"]["details"] = details
    return json_answer(body, status=status)


def _content(
    payload: dict[str, Any], model: str, text: str, streams: bool, *, mode: Mode, delay_s: float
) -> Answer:
    finish = {Mode.FILTERED: "SAFETY", Mode.LENGTH: "MAX_TOKENS"}.get(mode, "STOP")
    parts: list[dict[str, Any]] = [{"text": piece} for piece in words(text)]
    if mode in {Mode.EMPTY, Mode.FILTERED}:
        parts = []
    if mode is Mode.TOOL_CALLS:
        parts = [
            {
                "functionCall": {
                    "name": call["function"]["name"],
                    "args": json.loads(call["function"]["arguments"]),
                },
                "thoughtSignature": "c2lnbmVk",
            }
            for call in CALLS
        ]
    usage = {
        "promptTokenCount": prompt_words(payload),
        "cachedContentTokenCount": 3,
        "candidatesTokenCount": count(text),
        "thoughtsTokenCount": 0,
    }

    def piece(parts: list[dict[str, Any]], reason: str | None) -> dict[str, Any]:
        candidate: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": parts}}
        if reason:
            candidate["finishReason"] = reason
        return {"candidates": [candidate], "modelVersion": model, "usageMetadata": usage}

    if not streams:
        raw = json.dumps(piece(parts, finish)).encode()
        headers = {"content-type": "application/json"}
        if mode is Mode.CUT:
            return Answer(headers=headers, parts=(raw[: len(raw) // 2],), cut=True)
        return Answer(headers=headers, body=raw, delay_s=delay_s)
    events = [piece([part], None) for part in parts]
    if mode is Mode.CUT:
        return _events(events[: max(1, len(events) // 2)], delay_s=delay_s, cut=True)
    if mode is Mode.SILENT_END:
        return _events(events, delay_s=delay_s)
    if mode is Mode.LATE_ERROR:
        late = {"error": {"code": 503, "message": "Overloaded", "status": "UNAVAILABLE"}}
        return _events([*events, late], delay_s=delay_s)
    return _events([*events, piece([], finish)], delay_s=delay_s)


def _events(events: list[dict[str, Any]], *, delay_s: float, cut: bool = False) -> Answer:
    return Answer(
        headers={"content-type": "text/event-stream"},
        parts=tuple(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in events),
        cut=cut,
        delay_s=delay_s,
    )
