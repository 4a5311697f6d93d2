"""From a configuration to a client, and the chain of tries around one answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib import import_module
from typing import Protocol

from integrations.llm.errors import NoProviderAnswered, usage_of
from integrations.llm.local_embedder import LocalEmbedder
from integrations.llm.types import (
    ChatClient,
    ChatDelta,
    ChatRequest,
    ChatResult,
    EmbedConfig,
    Embedder,
    Provider,
    Try,
)
from integrations.llm.types import ChatConfig as ChatConfig
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary

N_ROUNDS = 2
"""Passes over the chain. The second helps against a dropped connection or a single 500; a third
would only hold a contact who could already be with a person."""

FIRST_SHARE = 0.6
"""Part of the time left that one provider may use while others are still to come, so that a
provider that hangs leaves time for its fallback."""

BACKOFF_S = 0.5
"""Pause before the second round where no provider asked for one, in seconds."""

LEAST_S = 1.0
"""A try with less time than this, in seconds, is not begun: no model answers that fast."""

MAX_EMBEDDERS = MAX_CLIENTS = 64
"""Clients of remote models that a process keeps, of each sort; the least used goes first. Each is a
key and a few objects, the connections are shared."""

BUILT_IN = EmbedConfig()


class Gate(Protocol):
    """Says who may be asked now and hears how it went, between the calls of a chain."""

    def refusal(self, config: ChatConfig) -> str:
        """Return why `config` must not be asked now; an empty text where it may."""

    def answered(self, config: ChatConfig) -> None:
        """Hear that `config` answered."""

    def failed(self, config: ChatConfig, error: Temporary | Permanent) -> None:
        """Hear that `config` failed."""


class OpenGate:
    """Lets everybody through and remembers nothing."""

    def refusal(self, config: ChatConfig) -> str:
        """Return nothing: everybody may be asked."""
        return ""

    def answered(self, config: ChatConfig) -> None:
        """Forget it."""

    def failed(self, config: ChatConfig, error: Temporary | Permanent) -> None:
        """Forget it."""


def chat_client(config: ChatConfig) -> ChatClient:
    """Return a client that asks `config` and, when it fails, its fallbacks."""
    return Chain(config)


def chat(config: ChatConfig, request: ChatRequest, *, gate: Gate | None = None) -> ChatResult:
    """Answer `request` with `config` or its fallbacks.

    Raises:
        NoProviderAnswered: every provider failed.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    return Chain(config, gate=gate or OpenGate()).chat(request)


def embedder(config: EmbedConfig = BUILT_IN) -> Embedder:
    """Return this process's embedder for `config`.

    Raises:
        Permanent: the provider offers no embeddings, or no model or address is named.
    """
    return _built_in() if config.provider == BUILT_IN.provider else _remote(config)


@cache
def _built_in() -> LocalEmbedder:
    return LocalEmbedder()


@lru_cache(maxsize=MAX_EMBEDDERS)
def _remote(config: EmbedConfig) -> Embedder:
    match config.provider:
        case Provider.OPENAI | Provider.OPENAI_COMPATIBLE:
            from integrations.llm.openai_embedder import OpenAIEmbedder

            return OpenAIEmbedder(config)
        case Provider.GEMINI:
            from integrations.llm.gemini_embedder import GeminiEmbedder

            return GeminiEmbedder(config)
        case _:
            raise Permanent(f"embeddings by {config.provider} are not available")


@lru_cache(maxsize=MAX_CLIENTS)
def single(config: ChatConfig) -> ChatClient:
    """Return this process's client of one provider, without its fallbacks.

    The modules are imported here and not above: an SDK costs up to a second and 75 MB.

    Raises:
        Permanent: the provider is not available.
    """
    match config.provider:
        case Provider.OFFLINE:
            from integrations.llm.offline import Offline

            return Offline()
        case Provider.OPENAI | Provider.DEEPSEEK | Provider.OPENAI_COMPATIBLE:
            from integrations.llm.openai_compatible import OpenAICompatible

            return OpenAICompatible(config)
        case Provider.ANTHROPIC:
            from integrations.llm.anthropic import Anthropic

            return Anthropic(config)
        case Provider.GEMINI:
            from integrations.llm.gemini import Gemini

            return Gemini(config)
        case _:
            raise Permanent(f"provider {config.provider} is not available")


@dataclass
class Chain:
    """Tries providers in order within one total time.

    Args:
        clock: seconds on a monotonic clock.
        wait: pauses for so many seconds.
    """

    config: ChatConfig
    gate: Gate = field(default_factory=OpenGate)
    clock: Callable[[], float] = field(default=time.monotonic)
    wait: Callable[[float], None] = field(default=time.sleep)

    def chat(self, request: ChatRequest) -> ChatResult:
        """Answer at once; see `factory.chat`."""
        release_connection()
        run = _Run(self, request)
        for config, timeout_s in run.turns():
            began = self.clock()
            try:
                result = single(config).chat(run.request_for(config, timeout_s))
            except (Temporary, Permanent) as error:
                run.failed(config, error, began)
                continue
            run.gate.answered(config)
            return run.marked(result, config)
        raise run.exhausted()

    def stream(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Answer piece by piece; falls back only while nothing was given out yet.

        Raises:
            NoProviderAnswered: every provider failed, or one did in the middle of its answer.
        """
        release_connection()
        run = _Run(self, request)
        for config, timeout_s in run.turns():
            began = self.clock()
            given_out = False
            try:
                for delta in single(config).stream(run.request_for(config, timeout_s)):
                    given_out = given_out or bool(delta.text)
                    if delta.result:
                        yield replace(delta, result=run.marked(delta.result, config))
                    else:
                        yield delta
            except (Temporary, Permanent) as error:
                run.failed(config, error, began)
                if given_out:  # a second provider would begin the answer anew
                    break
                continue
            run.gate.answered(config)
            return
        raise run.exhausted()


class _Run:
    """The state of one answer: time left, who may still be asked, what failed."""

    def __init__(self, chain: Chain, request: ChatRequest) -> None:
        self.clock, self.wait, self.gate = chain.clock, chain.wait, chain.gate
        self.first, self.request = chain.config, request
        self.until = self.clock() + request.timeout_s
        self.left = [chain.config, *chain.config.fallbacks]
        self.tries: list[Try] = []
        self.again: list[tuple[ChatConfig, float | None]] = []
        self.retry_after_s: float | None = None

    def turns(self) -> Iterator[tuple[ChatConfig, float]]:
        """Yield whom to ask next and for how many seconds at most."""
        for _ in range(N_ROUNDS):
            round_ = list(self.left)
            self.again = []
            for place, config in enumerate(round_):
                remaining = self.until - self.clock()
                if self.tries and remaining < LEAST_S:
                    return
                if refusal := self.gate.refusal(config):
                    self.refused(config, refusal)
                    continue
                release_connection()
                share = remaining if place == len(round_) - 1 else remaining * FIRST_SHARE
                yield config, min(config.timeout_s, share)
            if not self._pause():
                return

    def request_for(self, config: ChatConfig, timeout_s: float) -> ChatRequest:
        """Return the request for one try."""
        return replace(self.request, model=self._model(config), timeout_s=timeout_s)

    def _model(self, config: ChatConfig) -> str:
        """Return whom to ask for; a model named in the request belongs to the first choice only."""
        return (self.request.model if config is self.first else "") or config.model

    def _pause(self) -> bool:
        """Wait before the next round; False when none can help in the time left."""
        soon = [
            (config, BACKOFF_S if asked is None else max(asked, BACKOFF_S))
            for config, asked in self.again
        ]
        remaining = self.until - self.clock()
        pause = min((pause for _, pause in soon), default=remaining)
        if pause + LEAST_S > remaining:
            return False
        # Whoever asked for a longer wait than the soonest one is left alone.
        self.left = [config for config, asked in soon if asked <= pause]
        self.wait(pause)
        return True

    def refused(self, config: ChatConfig, reason: str) -> None:
        """Note that one was not asked at all."""
        self.tries.append(
            Try(config.provider, config.model, "refused", reason, 0, config.credential)
        )

    def failed(self, config: ChatConfig, error: Temporary | Permanent, began: float) -> None:
        """Note one failed try."""
        self.gate.failed(config, error)
        temporary = isinstance(error, Temporary)
        self.tries.append(
            Try(
                provider=config.provider,
                model=config.model,
                error="temporary" if temporary else "permanent",
                reason=error.reason,
                latency_ms=round((self.clock() - began) * 1000),
                credential=config.credential,
                usage=usage_of(error),
            )
        )
        if isinstance(error, Temporary):
            self.again.append((config, error.retry_after_s))
            asked = error.retry_after_s
            if asked is not None and (self.retry_after_s is None or asked < self.retry_after_s):
                self.retry_after_s = asked

    def marked(self, result: ChatResult, config: ChatConfig) -> ChatResult:
        """Return an answer with what failed before it, and whose key and which model it took."""
        return replace(
            result,
            tries=tuple(self.tries),
            credential=config.credential,
            asked_model=self._model(config),
        )

    def exhausted(self) -> NoProviderAnswered:
        """Return the error to raise."""
        return NoProviderAnswered(tuple(self.tries), retry_after_s=self.retry_after_s)


def warm_up() -> None:
    """Load the embedding model and the SDK that a first call would wait for.

    Not in a process that forks: the model's threads do not survive it.
    """
    embedder().embed_query("bom dia")
    import_module("integrations.llm.openai_compatible")
