"""Every provider's client against a server that speaks its wire format, whole and streamed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from integrations.llm import factory
from integrations.llm.errors import EmptyAnswer, LimitUsedUp
from integrations.llm.types import (
    NOT_MEASURED,
    ChatClient,
    ChatConfig,
    ChatMessage,
    ChatRequest,
    ChatResult,
    FinishReason,
    Image,
    ToolCall,
    ToolSpec,
    Usage,
)
from tenants.errors import Permanent, Temporary
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.gemini import FakeGemini
from tests.fakes.http import Answer, json_answer
from tests.fakes.llm import FakeLLM, Mode, count

Server = FakeLLM | FakeAnthropic | FakeGemini

KEY = "sk-test-0123456789"
PROMPT = (
    ChatMessage("system", "You answer."),
    ChatMessage("user", "quanto é a limpeza?"),
)
TOOLS = (
    ToolSpec("find_slot", "Finds a free slot.", {"type": "object", "properties": {"day": {}}}),
    ToolSpec("price", "Tells a price.", {"type": "object", "properties": {}}),
)
SERVERS: dict[str, type[Server]] = {
    "openai": FakeLLM,
    "deepseek": FakeLLM,
    "openai_compatible": FakeLLM,
    "anthropic": FakeAnthropic,
    "gemini": FakeGemini,
}


@pytest.fixture(params=list(SERVERS))
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(provider: str) -> Iterator[Server]:
    with SERVERS[provider]() as server:
        yield server


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def client(provider: str, server: Server, *, timeout_s: float = 30.0) -> ChatClient:
    return factory.single(ChatConfig(provider, "fake-1", KEY, server.base_url, timeout_s=timeout_s))


def ask(
    provider: str,
    server: Server,
    *,
    stream: bool = False,
    timeout_s: float = 30.0,
    messages: tuple[ChatMessage, ...] = PROMPT,
    **more: Any,
) -> ChatResult:
    chosen = client(provider, server, timeout_s=timeout_s)
    return chosen.chat(ChatRequest(messages, stream=stream, **more))


def payload_of(server: Server) -> dict[str, Any]:
    value = server.received[-1].json()
    assert isinstance(value, dict)
    return value


def test_an_answer_comes_with_its_usage(provider: str, server: Server, stream: bool) -> None:
    server.say("A limpeza custa R$ 220,00.")

    result = ask(provider, server, stream=stream)

    assert result.text == "A limpeza custa R$ 220,00."
    assert result.finish_reason is FinishReason.STOP
    assert (result.provider, result.model) == (provider, "fake-1")
    assert result.usage.input_tokens == sum(count(message.text) for message in PROMPT)
    assert result.usage.output_tokens == count(result.text)
    assert (result.usage.cached_input_tokens, result.usage.reasoning_tokens) == (3, 0)


def answer_of(provider: str, usage: object) -> dict[str, object]:
    """Return a whole answer, "oi", as the provider writes it."""
    if provider == "anthropic":
        content = [{"type": "text", "text": "oi"}]
        return {"type": "message", "content": content, "stop_reason": "end_turn", "usage": usage}
    if provider == "gemini":
        candidate = {"content": {"role": "model", "parts": [{"text": "oi"}]}}
        return {"candidates": [{**candidate, "finishReason": "STOP"}], "usageMetadata": usage}
    message = {"role": "assistant", "content": "oi"}
    return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


@pytest.mark.parametrize("n", [-1, 2**31, 2**70])
def test_what_can_be_no_count_is_not_measured(provider: str, server: Server, n: int) -> None:
    inputs = {"input_tokens": n, "prompt_tokens": n, "promptTokenCount": n}
    outputs = {"output_tokens": n, "completion_tokens": n, "candidatesTokenCount": n}
    server.script(json_answer(answer_of(provider, {**inputs, **outputs})))

    result = ask(provider, server)

    assert (result.text, result.usage) == ("oi", NOT_MEASURED)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"], indirect=True)
@pytest.mark.parametrize(
    "usage",
    [
        [],
        "many",
        {"prompt_tokens": 5.5, "input_tokens": 5.5, "promptTokenCount": 5.5},
        {"prompt_tokens": "x", "promptTokenCount": "x"},
        {"promptTokenCount": {"tokens": 5}},
    ],
    ids=str,
)
def test_an_answer_stands_whatever_is_said_of_its_usage(
    provider: str, server: Server, usage: object
) -> None:
    server.script(json_answer(answer_of(provider, usage)))

    result = ask(provider, server)

    assert (result.text, result.usage) == ("oi", NOT_MEASURED)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"], indirect=True)
def test_an_odd_detail_takes_no_count_with_it(provider: str, server: Server) -> None:
    counts = {
        **{"prompt_tokens": 7, "completion_tokens": 2, "input_tokens": 7, "output_tokens": 2},
        **{"promptTokenCount": 7, "candidatesTokenCount": 2},
    }
    details = {
        **{"prompt_tokens_details": [], "output_tokens_details": []},
        **{"promptTokensDetails": [{"modality": 3, "tokenCount": "x"}], "trafficType": []},
        **{"cachedContentTokenCount": "many"},
    }
    server.script(json_answer(answer_of(provider, {**counts, **details})))

    assert ask(provider, server).usage == Usage(7, 2)


@pytest.mark.parametrize("provider", ["gemini"], indirect=True)
@pytest.mark.parametrize("cut", [7, 10_000], ids=["in parts", "whole"])
def test_a_stream_stands_whatever_is_said_of_its_usage(
    provider: str, server: Server, cut: int
) -> None:
    pieces = [answer_of(provider, "many"), answer_of(provider, {"promptTokenCount": 7, "x": []})]
    for piece, text in zip(pieces, ('diz "usageMetadata"', " é oi"), strict=True):
        piece["candidates"][0]["content"]["parts"][0]["text"] = text  # type: ignore[index]
    body = b"".join(
        b"data: " + json.dumps(piece, ensure_ascii=False).encode() + b"\r\n\r\n" for piece in pieces
    )
    parts = tuple(body[at : at + cut] for at in range(0, len(body), cut))
    server.script(Answer(headers={"content-type": "text/event-stream"}, parts=parts))

    result = ask(provider, server, stream=True)

    assert (result.text, result.usage) == ('diz "usageMetadata" é oi', Usage(7, None))


def test_counts_that_are_too_many_together_are_not_measured(server: Server, provider: str) -> None:
    most = 2**31 - 1
    inputs = {"input_tokens": most, "cache_read_input_tokens": 1, "promptTokenCount": most}
    outputs = {"candidatesTokenCount": most, "thoughtsTokenCount": 1}
    server.script(json_answer(answer_of(provider, {**inputs, **outputs})))

    usage = ask(provider, server).usage

    assert usage.input_tokens in {None, most}
    assert usage.output_tokens is None


def test_a_stream_comes_in_pieces(provider: str, server: Server) -> None:
    server.say("A limpeza custa R$ 220,00.")

    deltas = list(client(provider, server).stream(ChatRequest(PROMPT)))

    assert len(deltas) > 3
    assert "".join(delta.text for delta in deltas) == "A limpeza custa R$ 220,00."
    assert deltas[-1].result is not None


def test_the_model_may_ask_for_several_tools_at_once(
    provider: str, server: Server, stream: bool
) -> None:
    server.mode = Mode.TOOL_CALLS

    result = ask(provider, server, stream=stream, tools=TOOLS)

    assert result.finish_reason is FinishReason.TOOL_CALLS
    assert [call.name for call in result.tool_calls] == ["find_slot", "price"]
    assert json.loads(result.tool_calls[0].arguments) == {"day": "sábado"}
    assert json.loads(result.tool_calls[1].arguments) == {}
    assert len({call.call_id for call in result.tool_calls}) == 2
    assert "find_slot" in json.dumps(payload_of(server))


def test_what_the_tools_gave_goes_back_to_the_model(provider: str, server: Server) -> None:
    server.say("Sábado às 9h.")
    messages = (
        *PROMPT,
        ChatMessage("assistant", "", (ToolCall("call_1", "find_slot", '{"day": "sábado"}'),)),
        ChatMessage("tool", "livre às 9h", tool_call_id="call_1"),
    )

    result = ask(provider, server, messages=messages, tools=TOOLS)

    assert result.text == "Sábado às 9h."
    sent = json.dumps(payload_of(server), ensure_ascii=False)
    assert "livre às 9h" in sent
    assert "find_slot" in sent


def test_earlier_arguments_that_cannot_be_read_are_passed_over(
    provider: str, server: Server
) -> None:
    server.say("Sábado às 9h.")
    messages = (
        *PROMPT,
        ChatMessage("assistant", "", (ToolCall("call_1", "find_slot", "[" * 1500),)),
        ChatMessage("tool", "no JSON object", tool_call_id="call_1"),
    )

    assert ask(provider, server, messages=messages, tools=TOOLS).text == "Sábado às 9h."


def nested_call(provider: str, *, stream: bool, depth: int) -> Answer:
    """Return a call of a tool whose argument is a list in lists."""
    deep = "[" * depth + "]" * depth
    if provider == "gemini":
        part = {"functionCall": {"name": "price", "args": {"day": "deep"}}}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}
        events: list[dict[str, Any]] = [{"candidates": [candidate]}]
        whole = events[0]
    else:
        block = {"type": "tool_use", "id": "c", "name": "price", "input": {"day": "deep"}}
        whole = {"type": "message", "content": [block], "stop_reason": "tool_use"}
        events = [
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {}},
        ]
    if not stream:
        body = json.dumps(whole).replace('"deep"', deep)
        return Answer(headers={"content-type": "application/json"}, body=body.encode())
    body = "".join(
        (f"event: {one['type']}\n" if "type" in one else "") + f"data: {json.dumps(one)}\n\n"
        for one in events
    ).replace('"deep"', deep)
    return Answer(headers={"content-type": "text/event-stream"}, body=body.encode())


@pytest.mark.parametrize("provider", ["anthropic", "gemini"], indirect=True)
def test_an_answer_that_is_nested_too_deep_cannot_be_read(
    provider: str, server: Server, stream: bool
) -> None:
    server.script(nested_call(provider, stream=stream, depth=50))
    server.script(nested_call(provider, stream=stream, depth=3_000))

    assert ask(provider, server, stream=stream, tools=TOOLS).tool_calls
    with pytest.raises(Temporary, match="cannot be read"):
        ask(provider, server, stream=stream, tools=TOOLS)


def test_an_image_is_shown(provider: str, server: Server) -> None:
    server.say("Um recibo.")
    picture = Image("image/png", b"\x89PNG picture")

    ask(provider, server, messages=(ChatMessage("user", "o que é?", images=(picture,)),))

    sent = json.dumps(payload_of(server))
    assert "iVBORyBwaWN0dXJl" in sent.replace("-", "+").replace("_", "/")
    assert "image/png" in sent


def test_a_schema_is_asked_for(provider: str, server: Server) -> None:
    server.say('{"answer": "sim"}')
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}}

    result = ask(provider, server, response_schema=schema)

    assert json.loads(result.text) == {"answer": "sim"}
    assert '"answer"' in json.dumps(payload_of(server)).replace("\\", "")


@pytest.mark.parametrize("provider", ["deepseek"], indirect=True)
def test_who_knows_no_schemas_reads_it_in_the_prompt(
    provider: str, server: Server, stream: bool
) -> None:
    server.say('{"answer": "sim"}')
    schema = {"type": "object", "properties": {"answer": {"enum": ["sim", "não"]}}}

    ask(provider, server, stream=stream, response_schema=schema)

    payload = payload_of(server)
    assert payload["response_format"] == {"type": "json_object"}
    assert [one["content"] for one in payload["messages"][:-1]] == [one.text for one in PROMPT]
    rule = payload["messages"][-1]
    assert rule["role"] == "system"
    assert "json" in rule["content"]
    assert json.dumps(schema, ensure_ascii=False) in rule["content"]


def test_an_answer_that_was_cut_off_says_so(provider: str, server: Server, stream: bool) -> None:
    server.mode = Mode.LENGTH
    server.say("A limpeza custa")

    assert ask(provider, server, stream=stream).finish_reason is FinishReason.LENGTH


def test_an_answer_without_a_word_tells_what_it_took(
    provider: str, server: Server, stream: bool
) -> None:
    server.mode = Mode.EMPTY
    server.say("um dois")

    with pytest.raises(EmptyAnswer) as caught:
        ask(provider, server, stream=stream)

    usage = replace(caught.value.usage, cache_write_tokens=None)  # which only one provider counts
    assert usage == Usage(sum(count(one.text) for one in PROMPT), 2, 3, 0)


def test_a_limit_used_up_before_the_first_word_is_not_asked_for_again(
    provider: str, server: Server, stream: bool
) -> None:
    server.mode = Mode.LENGTH
    server.say(" ")

    with pytest.raises(LimitUsedUp) as caught:
        ask(provider, server, stream=stream)

    assert caught.value.usage.input_tokens == sum(count(one.text) for one in PROMPT)


@pytest.mark.parametrize("provider", ["openai", "openai_compatible"], indirect=True)
@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-5", "low"),
        ("gpt-5-mini", "low"),
        ("gpt-5-nano-2025-08-07", "low"),
        ("o1", "low"),
        ("o3-mini", "low"),
        ("openai/o4-mini", "low"),
        ("gpt-5.1-2025-11-13", None),  # does not reason unasked
        ("gpt-5-pro", None),  # knows one effort only
        ("o1-mini", None),  # knows none
    ],
)
def test_models_that_reason_have_room_for_it_and_no_temperature(
    provider: str, server: Server, stream: bool, model: str, effort: str | None
) -> None:
    server.say("ok", "ok")

    ask(provider, server, stream=stream, model=model, max_output_tokens=80)
    short = payload_of(server)
    ask(provider, server, stream=stream, model=model, max_output_tokens=4_000)
    long = payload_of(server)

    for payload, limit in ((short, 2_080), (long, 6_000)):
        assert "temperature" not in payload
        assert (payload["max_completion_tokens"], payload.get("max_tokens")) == (limit, None)
    asked = effort if provider == "openai" else None  # other servers may not know it
    assert (short.get("reasoning_effort"), long.get("reasoning_effort")) == (asked, None)


@pytest.mark.parametrize("provider", ["openai", "openai_compatible"], indirect=True)
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5-chat-latest", "gpt-5.1-chat", "o3d-local"])
def test_other_models_are_sent_their_temperature(provider: str, server: Server, model: str) -> None:
    server.say("ok")

    ask(provider, server, model=model, temperature=0.2, max_output_tokens=80)

    limit = "max_completion_tokens" if provider == "openai" else "max_tokens"
    assert (payload_of(server)["temperature"], payload_of(server)[limit]) == (0.2, 80)
    assert "reasoning_effort" not in payload_of(server)


@pytest.mark.parametrize("provider", ["gemini"], indirect=True)
@pytest.mark.parametrize(
    ("model", "budget"),
    [
        ("gemini-2.5-flash", 0),
        ("gemini-2.5-flash-preview-09-2025", 0),
        ("gemini-2.5-flash-lite", 0),
        ("gemini-2.5-pro", 128),
        ("gemini-2.5-flash-image", None),
        ("gemini-2.0-flash", None),
    ],
)
def test_thoughts_leave_room_for_a_short_answer(
    provider: str, server: Server, model: str, budget: int | None
) -> None:
    server.say("ok", "ok")

    ask(provider, server, model=model, max_output_tokens=80)
    short = payload_of(server)["generationConfig"]
    ask(provider, server, model=model, max_output_tokens=4_000)
    long = payload_of(server)["generationConfig"]

    thoughts = None if budget is None else {"thinking_budget": budget}  # as the SDK writes it
    assert short.get("thinkingConfig") == thoughts
    assert short["maxOutputTokens"] == 80 + (budget or 0)
    assert "thinkingConfig" not in long
    assert long["maxOutputTokens"] == 4_000


def test_a_refusal_is_no_error(provider: str, server: Server, stream: bool) -> None:
    server.mode = Mode.FILTERED

    result = ask(provider, server, stream=stream)

    assert (result.finish_reason, result.text) == (FinishReason.REFUSED, "")


@pytest.mark.parametrize(
    "mode", [Mode.UNAUTHORIZED, Mode.BAD_REQUEST, Mode.NO_MODEL, Mode.BROKE, Mode.REDIRECT]
)
def test_what_no_wait_helps_is_permanent(
    provider: str, server: Server, stream: bool, mode: Mode
) -> None:
    server.mode = mode

    with pytest.raises(Permanent) as caught:
        ask(provider, server, stream=stream)

    assert "secret" not in caught.value.reason
    assert KEY not in caught.value.reason


@pytest.mark.parametrize(
    "mode",
    [
        Mode.BUSY,
        Mode.BROKEN,
        Mode.OVERLOADED,
        Mode.CUT,
        Mode.INVALID_JSON,
        Mode.NOT_JSON,
        Mode.EMPTY,
    ],
)
def test_what_another_try_may_help_is_temporary(
    provider: str, server: Server, stream: bool, mode: Mode
) -> None:
    server.mode = mode

    with pytest.raises(Temporary) as caught:
        ask(provider, server, stream=stream)

    assert "secret" not in caught.value.reason
    assert caught.value.retry_after_s == (7.0 if mode is Mode.BUSY else None)


@pytest.mark.parametrize("mode", [Mode.SILENT_END, Mode.LATE_ERROR])
def test_a_stream_that_does_not_end_well_is_temporary(
    provider: str, server: Server, mode: Mode
) -> None:
    server.mode = mode
    server.say("A limpeza custa R$ 220,00.")

    with pytest.raises(Temporary):
        ask(provider, server, stream=True)


@pytest.mark.parametrize("mode", [Mode.SLOW, Mode.DRIP])
def test_a_slow_server_is_given_up_in_time(
    provider: str, server: Server, stream: bool, mode: Mode
) -> None:
    server.mode = mode
    chosen = client(provider, server, timeout_s=0.4)  # loads an SDK, which may take seconds
    began = time.monotonic()

    with pytest.raises(Temporary, match="timed out"):
        chosen.chat(ChatRequest(PROMPT, stream=stream))

    assert time.monotonic() - began < 10  # of the thirty that the server would take


def test_the_key_is_sent_in_a_header_and_never_in_the_address(
    provider: str, server: Server
) -> None:
    server.say("ok")

    ask(provider, server)

    received = server.received[-1]
    assert KEY in " ".join(received.headers.values())
    assert KEY not in received.path + received.query
