"""An OpenAI-compatible server on loopback, with the ways in which real ones behave and fail.

Also runs by itself, answering from the passages that are fenced in the prompt:
``python -m tests.fakes.llm --port 8099``.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tests.fakes import obeying, reading
from tests.fakes.http import Answer, Received, ScriptedServer, json_answer

COMPLETIONS = "/v1/chat/completions"
TRANSCRIPTIONS = "/v1/audio/transcriptions"

_PASSAGE = re.compile(r"<passage n=\"\d+\" source=\"[^\"]*\">\n(.*?)\n</passage>", re.DOTALL)


class Mode(StrEnum):
    """How the server behaves."""

    SCRIPTED = "scripted"  # the texts given to `say`, in order
    EVIDENCE = "evidence"  # the first fenced passage of the prompt
    READER = "reader"  # the sentences of the passages that share most words with the question
    INVENTIVE = "inventive"  # the same, with prices, dates, links and the like made up beside them
    KEY = "key"  # the passage that holds what `known` says of the question; else no answer
    ECHO = "echo"  # the whole prompt
    OBEDIENT = "obedient"  # does what the last instruction anywhere in its context says
    SERVILE = "servile"  # answers from a passage and then obeys as well
    UNAUTHORIZED = "unauthorized"  # 401
    BAD_REQUEST = "bad_request"  # 400
    NO_MODEL = "no_model"  # 404
    OVERLOADED = "overloaded"  # 503, or 529 of who has a number of its own for it
    LATE_ERROR = "late_error"  # an error inside a stream that began well
    LENGTH = "length"  # cut off at the limit of tokens
    BUSY = "busy"  # 429 with Retry-After
    BROKE = "broke"  # 429 that no wait helps
    BROKEN = "broken"  # 500
    SLOW = "slow"  # longer than any deadline of the tests
    DRIP = "drip"  # a byte now and then, for ever
    CUT = "cut"  # hangs up in the middle of its answer
    SILENT_END = "silent_end"  # ends its stream in good order, but without a finish reason
    INVALID_JSON = "invalid_json"
    NOT_JSON = "not_json"  # a proxy's error page with status 200
    WRONG_SHAPE = "wrong_shape"
    NO_CHOICES = "no_choices"
    EMPTY = "empty"
    FILTERED = "filtered"  # finish reason content_filter
    TOOL_CALLS = "tool_calls"
    REDIRECT = "redirect"
    PACKED = "packed"  # gzip that nobody asked for


@dataclass(frozen=True)
class Calls:
    """One call of a tool, scripted; `arguments` is JSON."""

    tool: str
    arguments: str


class FakeModel(ScriptedServer):
    """Answers with the texts given to `say`, whole and streamed, in every `Mode`.

    Args:
        delay_s: before each answer.
    """

    def __init__(self, mode: Mode = Mode.SCRIPTED, *, port: int = 0, delay_s: float = 0.0) -> None:
        super().__init__(port=port)
        self.mode = mode
        self.delay_s = delay_s
        self._texts: deque[Any] = deque()  # texts, and what else a subclass has scripted

    @property
    def base_url(self) -> str:
        return self.url

    def say(self, *texts: str) -> None:
        """Answer the next requests with these texts, in order."""
        self._texts.extend(texts)


class FakeLLM(FakeModel):
    """Speaks chat completions, streamed and not.

    Args:
        retry_after: value of that header in mode `BUSY`.
    """

    def __init__(
        self,
        mode: Mode = Mode.SCRIPTED,
        *,
        port: int = 0,
        delay_s: float = 0.0,
        retry_after: str = "7",
    ) -> None:
        super().__init__(mode, port=port, delay_s=delay_s)
        self.retry_after = retry_after
        self.known: dict[str, tuple[str, ...]] = {}  # a message and the quotes that answer it

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def prompts(self) -> list[list[dict[str, Any]]]:
        """Return the messages of each request so far."""
        return [_payload(one)["messages"] for one in self.received if one.path == COMPLETIONS]

    def call(self, tool: str, **arguments: object) -> None:
        """Answer the next request by asking for a tool."""
        self.call_raw(tool, json.dumps(arguments))

    def call_raw(self, tool: str, arguments: str) -> None:
        """Answer the next request by asking for a tool with arguments that may be no JSON."""
        self._texts.append(Calls(tool, arguments))

    @property
    def offered(self) -> list[list[str]]:
        """Return the names of the tools of each request so far."""
        payloads = [_payload(one) for one in self.received if one.path == COMPLETIONS]
        return [[one["function"]["name"] for one in got.get("tools", ())] for got in payloads]

    def verify(self) -> None:
        super().verify()
        assert not self._texts, f"never asked for: {list(self._texts)}"

    def answer(self, request: Received) -> Answer | None:
        scripted = super().answer(request)
        if scripted is not None:
            return scripted
        if request.method == "GET" and request.path == "/v1/models":
            return json_answer({"object": "list", "data": [{"id": "fake-1", "object": "model"}]})
        if request.path == TRANSCRIPTIONS:
            return self._transcription()
        if request.path != COMPLETIONS:
            return None
        payload = _payload(request)
        failed = self._failure(payload)
        if failed is not None:
            return failed
        text = self._text(payload["messages"])
        if text is None:
            return None
        if isinstance(text, Calls):
            return _called(payload, text)
        return _completion(payload, text, mode=self.mode, delay_s=self.delay_s)

    def _transcription(self) -> Answer:
        failed = self._failure({})
        if failed is not None:
            return failed
        text = str(self._texts.popleft()) if self._texts else ""
        return json_answer({"text": text, "usage": {"type": "duration", "seconds": 3}})

    def _text(self, messages: Sequence[dict[str, Any]]) -> str | Calls | None:
        match self.mode:
            case Mode.EVIDENCE:
                found = _PASSAGE.search(str(messages[-1]["content"]))
                return found[1].strip() if found else "[[SEM_RESPOSTA]]"
            case Mode.READER | Mode.INVENTIVE | Mode.KEY:
                known = self.known if self.mode is Mode.KEY else None
                return reading.reply(messages, known=known, invents=self.mode is Mode.INVENTIVE)
            case Mode.ECHO:
                return "\n".join(str(message["content"]) for message in messages)
            case Mode.OBEDIENT:
                return obeying.obey("\n".join(str(message["content"]) for message in messages))
            case Mode.SERVILE:
                context = "\n".join(str(message["content"]) for message in messages)
                found = _PASSAGE.search(context)
                return "\n".join([found[1].strip() if found else "", obeying.obey(context)])
            case _:
                return self._texts.popleft() if self._texts else self._filler()

    def _filler(self) -> str | None:
        return None if self.mode is Mode.SCRIPTED else "Tudo certo."

    def _failure(self, payload: dict[str, Any]) -> Answer | None:
        match self.mode:
            case Mode.UNAUTHORIZED:
                return _error(401, "invalid_api_key", "Incorrect API key provided: sk-secret")
            case Mode.BAD_REQUEST:
                return _error(400, "invalid_request_error")
            case Mode.NO_MODEL:
                return _error(404, "model_not_found")
            case Mode.OVERLOADED:
                return _error(503, "overloaded")
            case Mode.BUSY:
                return _error(429, "rate_limit_exceeded", retry_after=self.retry_after)
            case Mode.BROKE:
                return _error(429, "insufficient_quota")
            case Mode.BROKEN:
                return _error(500, "server_error")
            case Mode.WRONG_SHAPE:
                return _raw(payload, b'{"choices": "none", "usage": 3}')
            case Mode.NO_CHOICES:
                return _raw(payload, b'{"id": "x", "model": "fake-1", "choices": []}')
            case _:
                return common_failure(self.mode, streams=bool(payload.get("stream")))


def common_failure(mode: Mode, *, streams: bool) -> Answer | None:
    """Return how any server fails, whatever it speaks; None where `mode` is no such failure."""
    match mode:
        case Mode.SLOW:
            return Answer(delay_s=30)
        case Mode.DRIP:
            return Answer(
                headers={"content-type": "application/json"},
                parts=(b" ",) * 300,
                part_delay_s=0.1,
            )
        case Mode.INVALID_JSON if streams:
            return _events([b'data: {"choices": [{"message": \n\n'])
        case Mode.INVALID_JSON:
            return Answer(
                headers={"content-type": "application/json"}, body=b'{"choices": [{"message": '
            )
        case Mode.NOT_JSON:
            return Answer(headers={"content-type": "text/html"}, body=b"<h1>Bad gateway</h1>")
        case Mode.REDIRECT:
            return Answer(302, {"location": "http://127.0.0.1:1/"})
        case Mode.PACKED:
            return Answer(
                headers={"content-type": "application/json", "content-encoding": "gzip"},
                body=b"\x1f\x8b\x08",
            )
        case _:
            return None


def words(text: str) -> list[str]:
    """Return a text in the pieces in which the servers stream it."""
    return re.findall(r"\s*\S+\s*", text)


def _payload(request: Received) -> dict[str, Any]:
    value = request.json()
    assert isinstance(value, dict)
    return value


def _error(
    status: int, code: str, message: str = "no", *, retry_after: str | None = None
) -> Answer:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    body = {"error": {"message": message, "type": "error", "code": code}}
    return json_answer(body, status=status, headers=headers)


def _raw(payload: dict[str, Any], body: bytes) -> Answer:
    if payload.get("stream"):
        return _events([b"data: " + body + b"\n\n", b"data: [DONE]\n\n"])
    return Answer(headers={"content-type": "application/json"}, body=body)


def _events(parts: Sequence[bytes], *, cut: bool = False, delay_s: float = 0.0) -> Answer:
    return Answer(
        headers={"content-type": "text/event-stream"},
        parts=tuple(parts),
        cut=cut,
        delay_s=delay_s,
    )


def count(text: str) -> int:
    """Return what this server counts as tokens: words."""
    return len(text.split())


def _usage(payload: dict[str, Any], text: str) -> dict[str, Any]:
    asked = sum(count(str(message["content"])) for message in payload["messages"])
    return {
        "prompt_tokens": asked,
        "completion_tokens": count(text),
        "total_tokens": asked + count(text),
        "prompt_tokens_details": {"cached_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _completion(payload: dict[str, Any], text: str, *, mode: Mode, delay_s: float) -> Answer:
    head = {"id": "chatcmpl-1", "created": int(time.time()), "model": payload["model"]}
    finish = {
        Mode.FILTERED: "content_filter",
        Mode.TOOL_CALLS: "tool_calls",
        Mode.LENGTH: "length",
    }.get(mode, "stop")
    content: str | None = None if mode in {Mode.EMPTY, Mode.FILTERED, Mode.TOOL_CALLS} else text
    calls = CALLS if mode is Mode.TOOL_CALLS else None
    usage = _usage(payload, text)
    if payload.get("stream"):
        return _stream(head, content, calls, finish, usage, mode, delay_s)
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    body = {
        **head,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }
    raw = json.dumps(body).encode()
    answer_headers = {"content-type": "application/json"}
    if mode is Mode.CUT:
        return Answer(
            headers=answer_headers, parts=(raw[: len(raw) // 2],), cut=True, delay_s=delay_s
        )
    return Answer(headers=answer_headers, body=raw, delay_s=delay_s)


def _called(payload: dict[str, Any], call: Calls) -> Answer:
    asked = {"name": call.tool, "arguments": call.arguments}
    message = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call_1", "type": "function", "function": asked}],
    }
    return json_answer(
        {
            "id": "chatcmpl-1",
            "created": int(time.time()),
            "model": payload["model"],
            "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}],
            "usage": _usage(payload, ""),
        }
    )


CALLS = [
    {
        "id": "call_1",
        "type": "function",
        "function": {"name": "find_slot", "arguments": '{"day": "sábado"}'},
    },
    {"id": "call_2", "type": "function", "function": {"name": "price", "arguments": "{}"}},
]


def _stream(
    head: dict[str, Any],
    content: str | None,
    calls: list[dict[str, Any]] | None,
    finish: str,
    usage: dict[str, Any],
    mode: Mode,
    delay_s: float,
) -> Answer:
    def chunk(delta: dict[str, Any], reason: str | None = None, **more: object) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        body = {**head, "object": "chat.completion.chunk", "choices": choices, **more}
        return b"data: " + json.dumps(body).encode() + b"\n\n"

    parts = [chunk({"role": "assistant", "content": ""})]
    parts += [chunk({"content": piece}) for piece in words(content or "")]
    for index, call in enumerate(calls or []):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        parts += [
            chunk({"tool_calls": [{"index": index, "id": call["id"], "function": part}]})
            for part in ({"name": name, "arguments": ""}, {"arguments": arguments})
        ]
    if mode is Mode.CUT:
        return _events(parts[: max(2, len(parts) // 2)], cut=True, delay_s=delay_s)
    if mode is Mode.SILENT_END:
        return _events(parts, delay_s=delay_s)
    if mode is Mode.LATE_ERROR:
        late = {"error": {"message": "busy", "type": "server_error", "code": "server_error"}}
        return _events([*parts, b"data: " + json.dumps(late).encode() + b"\n\n"], delay_s=delay_s)
    parts.append(chunk({}, finish))
    end = {**head, "object": "chat.completion.chunk", "choices": [], "usage": usage}
    parts += [b"data: " + json.dumps(end).encode() + b"\n\n", b"data: [DONE]\n\n"]
    return _events(parts, delay_s=delay_s)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.EVIDENCE)
    parser.add_argument("--delay-s", type=float, default=0.0)
    options = parser.parse_args()
    server = FakeLLM(options.mode, port=options.port, delay_s=options.delay_s).start()
    print(f"OpenAI-compatible server on {server.base_url} ({options.mode})", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
