from __future__ import annotations

import pytest

from integrations.services.probing import KeyState, try_key
from tests.fakes.anthropic import FakeAnthropic
from tests.fakes.gemini import FakeGemini
from tests.fakes.http import Answer, json_answer
from tests.fakes.llm import FakeLLM

SERVERS = [
    ("openai", FakeLLM, "fake-1"),
    ("deepseek", FakeLLM, "fake-1"),
    ("openai_compatible", FakeLLM, "fake-1"),
    ("anthropic", FakeAnthropic, "claude-fake-1"),
    ("gemini", FakeGemini, "gemini-fake-1"),
]


@pytest.mark.parametrize(("provider", "kind", "model"), SERVERS)
def test_a_key_that_works_lists_the_models(
    provider: str, kind: type[FakeLLM | FakeAnthropic | FakeGemini], model: str
) -> None:
    with kind() as server:
        verdict = try_key(provider=provider, api_key="k-secret", base_url=server.base_url)

    assert verdict.state is KeyState.WORKS
    assert verdict.models == (model,)
    assert "k-secret" in " ".join(server.received[0].headers.values())
    assert "k-secret" not in server.received[0].path + server.received[0].query


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(401), KeyState.REFUSED),
        (Answer(403), KeyState.REFUSED),
        (Answer(404), KeyState.NO_LIST),
        (Answer(500), KeyState.NO_LIST),
        (Answer(body=b"<h1>hello</h1>"), KeyState.UNREACHABLE),
    ],
)
def test_what_went_wrong_is_said_in_words(answer: Answer, state: KeyState) -> None:
    with FakeLLM() as server:
        server.script(answer)
        verdict = try_key(provider="openai", api_key="k-secret", base_url=server.base_url)

    assert verdict.state is state
    assert verdict.text()
    assert "k-secret" not in verdict.text()


@pytest.mark.parametrize("body", [[], {"data": "x"}, {"data": [1, {"id": None}, {"id": "m"}]}])
def test_an_odd_list_gives_what_can_be_read(body: object) -> None:
    with FakeLLM() as server:
        server.script(json_answer(body))
        verdict = try_key(provider="openai", api_key="k", base_url=server.base_url)

    assert verdict.state is KeyState.WORKS
    assert set(verdict.models) <= {"m"}


def test_an_address_inside_our_network_is_not_called() -> None:
    verdict = try_key(provider="openai", api_key="k", base_url="http://169.254.169.254/v1")

    assert verdict.state is KeyState.FORBIDDEN


def test_without_a_model_no_key_is_needed() -> None:
    assert try_key(provider="offline", api_key="").state is KeyState.NOT_NEEDED
