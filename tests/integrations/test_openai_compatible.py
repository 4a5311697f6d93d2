from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.llm.openai_compatible import OpenAICompatible
from integrations.llm.types import (
    NOT_MEASURED,
    ChatConfig,
    ChatMessage,
    ChatRequest,
    ChatResult,
    FinishReason,
    ToolCall,
    ToolSpec,
)
from tenants.errors import Permanent, Temporary
from tests.fakes.http import Answer
from tests.fakes.llm import FakeLLM, Mode, count

KEY = "sk-test-0123456789"
PROMPT = (ChatMessage("system", "You answer."), ChatMessage("user", "quanto é a limpeza?"))


@pytest.fixture
def llm() -> Iterator[FakeLLM]:
    with FakeLLM() as llm:
        yield llm


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def client(llm: FakeLLM, *, timeout_s: float = 30.0) -> OpenAICompatible:
    return OpenAICompatible(
        ChatConfig("openai_compatible", "fake-1", KEY, llm.base_url, timeout_s=timeout_s)
    )


def ask(llm: FakeLLM, *, stream: bool = False, timeout_s: float = 30.0) -> ChatResult:
    return client(llm, timeout_s=timeout_s).chat(ChatRequest(PROMPT, stream=stream))


def test_an_answer_comes_with_its_usage_and_model(llm: FakeLLM, stream: bool) -> None:
    llm.say("A limpeza custa R$ 220,00.")

    result = ask(llm, stream=stream)

    assert result.text == "A limpeza custa R$ 220,00."
    assert result.finish_reason is FinishReason.STOP
    assert (result.provider, result.model) == ("openai_compatible", "fake-1")
    assert result.usage.input_tokens == sum(count(message.text) for message in PROMPT)
    assert result.usage.output_tokens == count(result.text)
    assert (result.usage.cached_input_tokens, result.usage.reasoning_tokens) == (3, 0)


def test_the_request_is_what_the_server_expects(llm: FakeLLM, stream: bool) -> None:
    llm.say("ok")

    ask(llm, stream=stream)

    received = llm.received[0]
    payload = received.json()
    assert isinstance(payload, dict)
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert payload["model"] == "fake-1"
    assert payload["messages"][0] == {"role": "system", "content": "You answer."}
    assert payload["max_tokens"] == 600
    assert bool(payload.get("stream")) is stream


def test_the_operators_own_openai_account_is_not_told_to_a_tenants_server(
    llm: FakeLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-operator")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-operator")
    llm.say("ok")

    ask(llm)

    assert "operator" not in str(llm.received[0].headers)


def test_a_stream_gives_pieces_and_then_the_whole(llm: FakeLLM) -> None:
    llm.say("um dois três")

    deltas = list(client(llm).stream(ChatRequest(PROMPT)))

    assert "".join(delta.text for delta in deltas) == "um dois três"
    assert len(deltas) == 4
    assert [bool(delta.result) for delta in deltas] == [False, False, False, True]
    assert deltas[-1].result is not None
    assert deltas[-1].result.text == "um dois três"


def test_tool_calls_are_put_together(llm: FakeLLM, stream: bool) -> None:
    llm.mode = Mode.TOOL_CALLS
    tools = (ToolSpec("find_slot", "Finds.", {"type": "object", "properties": {}}),)

    result = client(llm).chat(ChatRequest(PROMPT, tools=tools, stream=stream))

    assert result.finish_reason is FinishReason.TOOL_CALLS
    assert result.tool_calls == (
        ToolCall("call_1", "find_slot", '{"day": "sábado"}'),
        ToolCall("call_2", "price", "{}"),
    )


FIRST = {"id": "a", "function": {"name": "find_slot", "arguments": '{"x":'}}
SECOND = {"id": "b", "function": {"name": "price", "arguments": '{"y":'}}


@pytest.mark.parametrize("number", [{}, {"index": 0}], ids=["unnumbered", "all alike"])
@pytest.mark.parametrize("more", [{}, {"id": "other"}], ids=["no id", "an id each"])
def test_streamed_calls_stay_apart_however_they_are_numbered(
    llm: FakeLLM, number: dict[str, Any], more: dict[str, Any]
) -> None:
    ends = [{**more, "function": {"arguments": f"{n}}}"}} for n in (1, 2)]
    pieces = [
        {"choices": [{"delta": {"tool_calls": [{**number, **piece}]}}]}
        for piece in (FIRST, ends[0], SECOND, ends[1])
    ]
    events = [*pieces, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}]
    body = "".join(f"data: {json.dumps(one)}\n\n" for one in events) + "data: [DONE]\n\n"
    llm.script(Answer(headers={"content-type": "text/event-stream"}, body=body.encode()))

    assert ask(llm, stream=True).tool_calls == (
        ToolCall("a", "find_slot", '{"x":1}'),
        ToolCall("b", "price", '{"y":2}'),
    )


def test_tool_results_and_a_schema_are_sent(llm: FakeLLM) -> None:
    llm.say("{}")
    messages = (
        *PROMPT,
        ChatMessage("assistant", "", (ToolCall("call_1", "price", "{}"),)),
        ChatMessage("tool", "220", tool_call_id="call_1"),
    )

    client(llm).chat(ChatRequest(messages, response_schema={"type": "object"}))

    payload = llm.received[0].json()
    assert isinstance(payload, dict)
    assert payload["messages"][2]["tool_calls"][0]["function"]["name"] == "price"
    assert payload["messages"][3] == {"role": "tool", "content": "220", "tool_call_id": "call_1"}
    assert payload["response_format"]["json_schema"]["schema"] == {"type": "object"}


def test_a_filtered_answer_is_a_refusal(llm: FakeLLM, stream: bool) -> None:
    llm.mode = Mode.FILTERED

    assert ask(llm, stream=stream).finish_reason is FinishReason.REFUSED


def test_an_answer_in_parts_is_read_without_its_thoughts(llm: FakeLLM, stream: bool) -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Talvez R$ 5."}]}
    content = [thought, {"type": "text", "text": "Custa "}, {"type": "text", "text": "R$ 220."}]
    part = {"delta" if stream else "message": {"content": content}, "finish_reason": "stop"}
    body = json.dumps({"model": "magistral", "choices": [part]}).encode()
    kind = "text/event-stream" if stream else "application/json"
    framed = b"data: " + body + b"\n\ndata: [DONE]\n\n" if stream else body
    llm.script(Answer(headers={"content-type": kind}, body=framed))

    assert ask(llm, stream=stream).text == "Custa R$ 220."


def test_usage_that_nobody_measured_is_not_zero(llm: FakeLLM) -> None:
    body = b'{"model": "m", "choices": [{"message": {"content": "oi"}, "finish_reason": "stop"}]}'
    llm.script(Answer(headers={"content-type": "application/json"}, body=body))

    assert ask(llm).usage == NOT_MEASURED


@pytest.mark.parametrize("usage", ["[]", '"many"', '{"prompt_tokens": -1}'])
def test_a_streamed_answer_stands_whatever_is_said_of_its_usage(llm: FakeLLM, usage: str) -> None:
    piece = '{"model": "m", "choices": [{"delta": {"content": "oi"}, "finish_reason": "stop"}]}'
    end = f'{{"model": "m", "choices": [], "usage": {usage}}}'
    body = f"data: {piece}\n\ndata: {end}\n\ndata: [DONE]\n\n".encode()
    llm.script(Answer(headers={"content-type": "text/event-stream"}, body=body))

    result = ask(llm, stream=True)

    assert (result.text, result.usage) == ("oi", NOT_MEASURED)


TEMPORARY = [
    Mode.BROKEN,
    Mode.CUT,
    Mode.INVALID_JSON,
    Mode.NOT_JSON,
    Mode.WRONG_SHAPE,
    Mode.NO_CHOICES,
    Mode.EMPTY,
]


@pytest.mark.parametrize("mode", TEMPORARY)
def test_what_a_later_try_can_help_is_temporary(llm: FakeLLM, mode: Mode, stream: bool) -> None:
    llm.mode = mode

    with pytest.raises(Temporary) as raised:
        ask(llm, stream=stream)

    assert KEY not in raised.value.reason
    assert len(llm.received) == 1


def test_a_stream_without_a_finish_reason_is_temporary(llm: FakeLLM) -> None:
    llm.mode = Mode.SILENT_END

    with pytest.raises(Temporary, match="ended early"):
        ask(llm, stream=True)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (Mode.UNAUTHORIZED, "HTTP 401 invalid_api_key"),
        (Mode.BROKE, "HTTP 429 insufficient_quota"),
        (Mode.REDIRECT, "HTTP 302"),
        (Mode.PACKED, "compressed"),
    ],
)
def test_what_repeating_cannot_help_is_permanent(
    llm: FakeLLM, mode: Mode, reason: str, stream: bool
) -> None:
    llm.mode = mode

    with pytest.raises(Permanent, match=reason) as raised:
        ask(llm, stream=stream)

    assert "sk-" not in raised.value.reason
    assert len(llm.received) == 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)],
)
def test_a_busy_server_says_how_long_to_wait(
    llm: FakeLLM, header: str, seconds: float | None, stream: bool
) -> None:
    llm.mode, llm.retry_after = Mode.BUSY, header

    with pytest.raises(Temporary, match="rate_limit_exceeded") as raised:
        ask(llm, stream=stream)

    assert raised.value.retry_after_s == seconds


@pytest.mark.parametrize("mode", [Mode.SLOW, Mode.DRIP])
def test_the_deadline_holds_whatever_the_server_does(
    llm: FakeLLM, mode: Mode, stream: bool
) -> None:
    llm.mode = mode
    began = time.monotonic()

    with pytest.raises(Temporary, match="timed out"):
        ask(llm, stream=stream, timeout_s=0.4)

    assert time.monotonic() - began < 10  # of the thirty that the server would take


def test_a_hostile_error_code_does_not_reach_the_reason(llm: FakeLLM) -> None:
    body = b'{"error": {"code": "' + KEY.encode() + b'", "message": "x"}}'
    llm.script(Answer(400, {"content-type": "application/json"}, body))

    with pytest.raises(Permanent) as raised:
        ask(llm)

    assert raised.value.reason == "HTTP 400"


def test_a_server_that_is_away_is_temporary(llm: FakeLLM) -> None:
    away = ChatConfig("openai_compatible", "m", KEY, "http://127.0.0.1:9/v1")

    with pytest.raises(Temporary):
        OpenAICompatible(away).chat(ChatRequest(PROMPT))


@pytest.mark.parametrize(
    "base_url", ["", "http://169.254.169.254/v1", "file:///etc/passwd", "http://10.0.0.1/v1"]
)
def test_an_address_that_is_not_allowed_is_permanent(base_url: str) -> None:
    with pytest.raises(Permanent):
        OpenAICompatible(ChatConfig("openai_compatible", "m", KEY, base_url)).chat(
            ChatRequest(PROMPT)
        )


def test_a_key_is_never_in_what_python_prints() -> None:
    config = ChatConfig("openai_compatible", "m", KEY, "http://127.0.0.1/v1")

    assert KEY not in repr(config)
