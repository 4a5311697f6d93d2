"""Answers that the provider itself did not end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from integrations.llm import factory
from integrations.llm.errors import BrokenOff
from integrations.llm.types import ChatConfig, ChatMessage, ChatRequest, Usage
from tests.fakes.gemini import FakeGemini
from tests.fakes.http import Answer, json_answer
from tests.fakes.llm import FakeLLM


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("provider", "finish"),
    [
        ("deepseek", "insufficient_system_resource"),
        ("openai_compatible", "error"),
        ("openai_compatible", "abort"),
        ("gemini", "OTHER"),
        ("gemini", "MALFORMED_FUNCTION_CALL"),
    ],
)
def test_half_an_answer_of_who_gave_up_is_none(provider: str, finish: str, stream: bool) -> None:
    text, n_input, n_output = "A limpeza custa R$", 5, 4
    if provider == "gemini":
        content = {"role": "model", "parts": [{"text": text}]}
        counted = {"promptTokenCount": n_input, "candidatesTokenCount": n_output}
        candidates = [{"content": content, "finishReason": finish}]
        body: dict[str, Any] = {"candidates": candidates, "usageMetadata": counted}
    else:
        part = {"delta" if stream else "message": {"content": text}, "finish_reason": finish}
        counted = {"prompt_tokens": n_input, "completion_tokens": n_output}
        body = {"choices": [part], "usage": counted}
    event = Answer(
        headers={"content-type": "text/event-stream"},
        body=b"data: " + json.dumps(body).encode() + b"\n\n",
    )
    with FakeGemini() if provider == "gemini" else FakeLLM() as server:
        server.script(event if stream else json_answer(body))
        client = factory.single(ChatConfig(provider, "fake-1", "k", server.base_url))

        with pytest.raises(BrokenOff) as raised:
            client.chat(ChatRequest((ChatMessage("user", "quanto é?"),), stream=stream))

    assert raised.value.usage == Usage(n_input, n_output)
