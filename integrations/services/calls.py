"""Asking a model: the one door. Budget, breaker, call and ledger, in this order.

`chat` serves every purpose that is answered in words (`ChatRequest.purpose` says which; an image is
part of a message), `embedder` those that need vectors, `transcribe` voice notes. No connection is
held while a provider is waited for: what is written is written before and after.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone

from integrations.llm import factory, reasoning, transcription
from integrations.llm.errors import BudgetExhausted, LimitUsedUp, NoProviderAnswered, usage_of
from integrations.llm.types import (
    ChatConfig,
    ChatRequest,
    ChatResult,
    EmbedConfig,
    Embedded,
    Embedder,
    Provider,
    Purpose,
    Sound,
    Transcript,
    Try,
    Usage,
)
from integrations.models import ModelCall
from integrations.services import breakers, budget_marks, budgets, ledger, prices
from integrations.services.budgets import Promise
from integrations.services.ledger import Answered
from integrations.services.ledger import Caller as Caller
from integrations.services.ledger import caller_of as caller_of
from integrations.services.prices import Cost
from tenants.context import release_connection
from tenants.errors import Permanent, Temporary

logger = logging.getLogger(__name__)

NOTHING = Cost(ModelCall.CostKind.EXACT, Decimal(0))

TOKENS_PER_IMAGE = 1_500
"""What an image is reckoned with before the call: the most that the providers count for a photo as
phones send it (source: OpenAI, Anthropic and Gemini on vision, 2026). Afterwards theirs counts."""

LONGEST_NOTE_S = 300.0
"""A voice note whose length nobody told is reckoned as this long before the call, in seconds."""


_OF_ONE_REQUEST = ("HTTP 400", "HTTP 413", "HTTP 415", "HTTP 422")
"""How a provider refuses one request: what a contact sent, or that a model cannot see. It says
nothing of the answers to others, so that nobody can have a model paused for all."""

_OF_ALL_REQUESTS = re.compile("model|key|account|credit|quota|billing")
"""What the word beside such a status names where every request is refused, such as Gemini's
``api_key_invalid`` and Groq's ``model_decommissioned``."""


@dataclass(slots=True)
class _BreakerGate:
    """The breakers of this tenant, asked between the calls of a chain."""

    probes: set[int] = field(default_factory=set)

    def refusal(self, config: ChatConfig) -> str:
        if config.provider == Provider.OFFLINE:
            return ""
        verdict = breakers.may_ask(config)
        if verdict.is_probe:
            self.probes.add(id(config))
        return "" if verdict.allowed else verdict.reason

    def answered(self, config: ChatConfig) -> None:
        if config.provider != Provider.OFFLINE:
            breakers.succeeded(config)

    def failed(self, config: ChatConfig, error: Temporary | Permanent) -> None:
        if isinstance(error, LimitUsedUp):
            return
        is_of_one = error.reason.startswith(_OF_ONE_REQUEST)
        if is_of_one and not _OF_ALL_REQUESTS.search(error.reason):
            return
        if config.provider != Provider.OFFLINE:
            breakers.failed(config, reason=error.reason, is_probe=id(config) in self.probes)


def chat(config: ChatConfig, request: ChatRequest, *, caller: Caller) -> ChatResult:
    """Answer `request` with `config` or its fallbacks, within the budgets.

    Raises:
        BudgetExhausted: there is no money left for it; nobody was asked.
        NoProviderAnswered: every provider failed or is paused.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    if config.provider == Provider.OFFLINE:  # no model: it costs nothing and never fails
        return factory.chat(config, request)
    now = timezone.now()
    on = caller.day(now)
    promise, chosen = _reserve(
        config, lambda one: _chat_cost(one, request, on), caller=caller, now=now
    )
    cost: Cost = prices.UNKNOWN
    tries: Sequence[Try] = ()
    try:
        gate = _BreakerGate()
        result = factory.chat(chosen, request, gate=gate)
        tries = result.tries
        answered = Answered(
            provider=result.provider,
            model=result.model,
            usage=result.usage,
            latency_ms=result.latency_ms,
            n_input_characters=_n_characters(request),
            n_output_characters=len(result.text),
            hop=len(tries),
            degraded="budget" if chosen is not config else "",
            credential=result.credential,
            asked_model=result.asked_model,
        )
        cost = ledger.record_answer(answered, purpose=request.purpose, caller=caller, now=now)
    except NoProviderAnswered as error:
        tries, cost = error.tries, NOTHING
        raise
    finally:
        lost = ledger.record_tries(tries, purpose=request.purpose, caller=caller, now=now)
        _settle(promise, cost, tries, lost=lost)
    return replace(result, degraded="budget") if chosen is not config else result


def _reserve(
    config: ChatConfig,
    cost: Callable[[ChatConfig], Decimal | None],
    *,
    caller: Caller,
    now: datetime,
    n_calls: int = 1,
) -> tuple[Promise, ChatConfig]:
    """Set the money aside and choose who is asked: the cheaper model when a budget is nearly used.

    What the chosen model costs at most is set aside; where the usual one does not fit any more, the
    cheaper one may. Every purpose comes through here, so that each tells people of a budget that
    it finds used up.

    Args:
        cost: what one model may take, without its fallbacks; None where its price is not known.
        n_calls: as `budgets.reserve` has it.
    """

    def reserve(one: ChatConfig) -> Promise:
        costs = [usd for usd in map(cost, (one, *one.fallbacks)) if usd is not None]
        return budgets.reserve(
            subject=caller.subject(),
            usd=max(costs, default=None),  # the dearest of the chain may be who answers
            now=now,
            timezone=caller.zone,
            n_calls=n_calls,
        )

    cheaper = config.cheaper
    try:
        try:
            promise = reserve(config)
        except BudgetExhausted:
            if cheaper is None:
                raise
            return reserve(cheaper), cheaper
    except BudgetExhausted as error:
        budget_marks.tell_exhausted(spend_id=error.spend_id, now=now)
        raise
    if not promise.wants_cheaper or cheaper is None:
        return promise, config
    return promise, replace(cheaper, fallbacks=(config, *config.fallbacks))


def _n_characters(request: ChatRequest) -> int:
    """Return the size of a prompt; an image counts as the text that would cost as much."""
    n_images = sum(len(message.images) for message in request.messages)
    per_image = int(TOKENS_PER_IMAGE * prices.CHARACTERS_PER_TOKEN)
    return sum(len(message.text) for message in request.messages) + n_images * per_image


def _chat_cost(config: ChatConfig, request: ChatRequest, on: date) -> Decimal | None:
    price = prices.price_of(provider=config.provider, model=config.model, on=on)
    return prices.estimate(
        n_input_characters=_n_characters(request),
        n_output_tokens=request.max_output_tokens + reasoning.room(config.model),
        price=price,
        is_kept=True,
    ).usd


def transcribe(config: ChatConfig, sound: Sound, *, language: str, caller: Caller) -> Transcript:
    """Return what is said in a recording, by `config` or its fallbacks, within the budgets.

    Each is asked once: a voice note that nobody could hear is tried again by its own task.

    Raises:
        BudgetExhausted: there is no money left for it; nobody was asked.
        NoProviderAnswered: every provider failed, is paused, or cannot hear this.
        RuntimeError: a transaction is open; nothing may wait for the network under it.
    """
    now = timezone.now()
    on = caller.day(now)
    promise, chosen = _reserve(
        config, lambda one: _sound_cost(one, sound, on), caller=caller, now=now
    )
    gate, tries = _BreakerGate(), list[Try]()
    cost: Cost = prices.UNKNOWN
    try:
        for one in (chosen, *chosen.fallbacks):
            if refusal := transcription.refusal(one, sound) or gate.refusal(one):
                tries.append(Try(one.provider, one.model, "refused", refusal, 0, one.credential))
                continue
            began = time.monotonic()
            try:
                heard = transcription.transcribe(one, sound, language=language)
            except (Temporary, Permanent) as error:
                tries.append(_failed(one, error, began))
                gate.failed(one, error)
                continue
            gate.answered(one)
            answered = Answered(
                provider=heard.provider,
                model=heard.model,
                usage=heard.usage,
                latency_ms=heard.latency_ms,
                n_input_characters=0,
                n_output_characters=len(heard.text),
                hop=len(tries),
                seconds=heard.seconds,
                degraded="budget" if chosen is not config else "",
                credential=one.credential,
                asked_model=one.model,
            )
            cost = ledger.record_answer(
                answered, purpose=Purpose.TRANSCRIBE, caller=caller, now=now
            )
            return heard
        cost = NOTHING
        raise NoProviderAnswered(tuple(tries))
    finally:
        lost = ledger.record_tries(tries, purpose=Purpose.TRANSCRIBE, caller=caller, now=now)
        _settle(promise, cost, tries, lost=lost)


def _settle(promise: Promise, cost: Cost, tries: Sequence[Try], *, lost: Decimal) -> None:
    """Book a call with the tries before it; where all were paused nobody was asked.

    Args:
        lost: what those tries cost.
    """
    is_unused = cost is NOTHING and all(one.error == "refused" for one in tries)
    usd = None if cost.usd is None else lost + cost.usd
    budgets.settle(reservation=promise.reservation, usd=usd, n_unused=int(is_unused))


def _sound_cost(config: ChatConfig, sound: Sound, on: date) -> Decimal | None:
    price = prices.price_of(provider=config.provider, model=config.model, on=on)
    if price is None or price.minute_usd is None:
        return None
    minutes = Decimal(str(LONGEST_NOTE_S if sound.seconds is None else sound.seconds)) / 60
    return price.minute_usd * minutes


def _failed(config: ChatConfig, error: Temporary | Permanent, began: float) -> Try:
    return Try(
        provider=config.provider,
        model=config.model,
        error="temporary" if isinstance(error, Temporary) else "permanent",
        reason=error.reason,
        latency_ms=round((time.monotonic() - began) * 1000),
        credential=config.credential,
        usage=usage_of(error),
    )


def embedder(config: EmbedConfig, *, caller: Caller) -> Embedder:
    """Return the client of an embedding model whose calls are paid for by `caller`.

    The built-in model is this process's own work: its cost is known to be 0, so that no budget is
    asked and nothing is written down. A remote one raises `BudgetExhausted` where there is no money
    left; its calls do not count against a limit of calls, which is meant for answers.

    Raises:
        Permanent: the provider offers no embeddings, or no model or address is named.
    """
    made = factory.embedder(config)
    return made if config.provider == factory.BUILT_IN.provider else _Metered(made, config, caller)


class _Metered:
    """An embedder between budget, breaker and ledger."""

    def __init__(self, inner: Embedder, config: EmbedConfig, caller: Caller) -> None:
        self._inner, self._caller = inner, caller
        self._target = ChatConfig(config.provider, config.model, credential=config.credential)

    @property
    def model(self) -> str:
        return self._inner.model

    @property
    def dimensions(self) -> int:
        return self._inner.dimensions

    @property
    def batch(self) -> int:
        return self._inner.batch

    def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return self.embed_counted(texts).vectors

    def embed_counted(self, texts: Sequence[str]) -> Embedded:
        return self._call(lambda: self._inner.embed_counted(texts), sum(map(len, texts)))

    def embed_query(self, text: str) -> list[float]:
        return self.embed_query_counted(text).vectors[0]

    def embed_query_counted(self, text: str) -> Embedded:
        return self._call(lambda: self._inner.embed_query_counted(text), len(text))

    def _call(self, embed: Callable[[], Embedded], n_characters: int) -> Embedded:
        now, caller, target = timezone.now(), self._caller, self._target
        gate = _BreakerGate()
        if refusal := gate.refusal(target):
            raise Temporary(refusal, retry_after_s=breakers.PAUSE_S)
        promise, _chosen = _reserve(
            target,
            lambda one: _text_cost(one, n_characters, caller.day(now)),
            caller=caller,
            now=now,
            n_calls=0,
        )
        cost: Cost = prices.UNKNOWN
        tries: Sequence[Try] = ()
        began = time.monotonic()
        try:
            release_connection()
            made = embed()
            gate.answered(target)
            answered = Answered(
                provider=target.provider,
                model=target.model,
                usage=Usage(made.n_tokens, None if made.n_tokens is None else 0),
                latency_ms=round((time.monotonic() - began) * 1000),
                n_input_characters=n_characters,
                credential=target.credential,
            )
            cost = ledger.record_answer(answered, purpose=Purpose.EMBED, caller=caller, now=now)
        except (Temporary, Permanent) as error:
            tries, cost = (_failed(target, error, began),), NOTHING
            gate.failed(target, error)
            raise
        finally:
            ledger.record_tries(tries, purpose=Purpose.EMBED, caller=caller, now=now)
            budgets.settle(reservation=promise.reservation, usd=cost.usd)
        return made


def _text_cost(config: ChatConfig, n_characters: int, on: date) -> Decimal | None:
    price = prices.price_of(provider=config.provider, model=config.model, on=on)
    return prices.estimate(n_input_characters=n_characters, n_output_tokens=0, price=price).usd
