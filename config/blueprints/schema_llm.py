"""What a blueprint file says of models: keys, which model does what, prices and limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from config.blueprints.fields import (
    AgentRef,
    CredentialRef,
    EnvName,
    Name,
    Secret,
    Section,
    Url,
    around,
    defined,
    refuse,
)


class CredentialSection(Section):
    """A provider of models, with its key; `none` stands for a server that asks for no key."""

    name: Annotated[Name, AfterValidator(defined("credential"))]
    provider: Literal["openai", "gemini", "deepseek", "anthropic", "openai_compatible", "offline"]
    base_url: Url | None = None
    api_key: Secret | None = Field(None, repr=False)
    api_key_env: EnvName | None = None

    @model_validator(mode="after")
    def _check(self) -> CredentialSection:
        self.one_of("api_key", required=self.provider != "offline")
        if self.provider == "openai_compatible" and self.base_url is None:
            raise refuse("base_url is missing")
        return self


class FallbackSection(Section):
    """Which model is asked when the one before it fails."""

    credential: CredentialRef
    model: str = Field("", max_length=120)

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Self:
        if not self.model and self.credential not in around(info).modelless:
            raise refuse("model is missing")
        return self


class ChatSection(FallbackSection):
    """Which model an agent asks, and for how many seconds, fallbacks included."""

    timeout_s: int = Field(20, ge=1, le=60)
    fallbacks: list[FallbackSection] = Field([], max_length=5)


class EmbedSection(Section):
    """Which model turns text into vectors."""

    provider: Literal["local"] | None = None
    credential: CredentialRef | None = None
    model: str | None = None

    @model_validator(mode="after")
    def _check(self) -> EmbedSection:
        if (self.provider is None) == (self.credential is None):
            raise refuse("give provider: local, or a credential and a model")
        if self.credential is not None and not self.model:
            raise refuse("model is missing")
        return self


def _as_decimal(value: object) -> object:
    """Read a number as it is written: 0.15 is not the binary fraction next to it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number else value


Price = Annotated[
    Decimal, BeforeValidator(_as_decimal), Field(ge=0, max_digits=12, decimal_places=6)
]


class PurposeSection(FallbackSection):
    """Which model does one thing, who does it when that fails, and who when money runs out."""

    timeout_s: int = Field(20, ge=1, le=60)
    fallback: FallbackSection | None = None
    cheaper: FallbackSection | None = None


class NamedPurposeSection(PurposeSection):
    """The same for what needs a model: quoting passages is no way to do it."""

    @model_validator(mode="after")
    def _check_model(self) -> Self:
        if not self.model:
            raise refuse("model is missing")
        return self


class PurposesSection(Section):
    """Models by purpose; one that is not named here stays as it is."""

    chat: PurposeSection | None = None
    classify: NamedPurposeSection | None = None
    rewrite: NamedPurposeSection | None = None
    summarise: NamedPurposeSection | None = None
    transcribe: NamedPurposeSection | None = None
    vision: NamedPurposeSection | None = None

    def named(self) -> dict[str, PurposeSection]:
        """Return the purposes that are there."""
        return _named(self)


def _named(section: Section) -> dict[str, Any]:
    found = {name: getattr(section, name) for name in type(section).model_fields}
    return {name: one for name, one in found.items() if one is not None}


class OwnPurposeSection(FallbackSection):
    """Which model does one thing for one agent, and who does it when that fails."""

    timeout_s: int = Field(20, ge=1, le=60)
    fallback: FallbackSection | None = None


def _no_embed(value: object) -> object:
    raise refuse(
        "an agent has no embedding model of its own: all agents share the documents, which one"
        " model reads (llm.embed)"
    )


class OwnPurposesSection(Section):
    """An agent's own models by purpose; one that is not named here is the tenant's."""

    classify: OwnPurposeSection | None = None
    rewrite: OwnPurposeSection | None = None
    summarise: OwnPurposeSection | None = None
    transcribe: OwnPurposeSection | None = None
    vision: OwnPurposeSection | None = None
    embed: Annotated[None, BeforeValidator(_no_embed)] = None

    def named(self) -> dict[str, OwnPurposeSection]:
        """Return the purposes that are there."""
        return _named(self)


class PriceSection(Section):
    """What this tenant pays for a model from a day on, in US$ for a million tokens."""

    provider: Literal["openai", "gemini", "deepseek", "anthropic", "openai_compatible"]
    model: Annotated[
        str,
        Field(min_length=1, max_length=120, pattern=r"^\S(.*\S)?$"),
        AfterValidator(str.lower),  # as it is looked up
    ]
    valid_from: date
    input_usd: Price
    output_usd: Price
    cached_input_usd: Price | None = None
    cache_write_usd: Price | None = None
    minute_usd: Price | None = None
    note: str = Field("", max_length=200)
    source: Url | Literal[""] = ""
    checked_on: date | None = None


class RateSection(Section):
    """How many reais a dollar is worth from a day on."""

    valid_from: date
    usd_brl: Annotated[
        Decimal, BeforeValidator(_as_decimal), Field(gt=0, max_digits=10, decimal_places=4)
    ]


class BudgetSection(Section):
    """A limit on money or calls."""

    level: Literal["tenant", "agent", "contact", "conversation"]
    agent: AgentRef | None = None
    period: Literal["day", "month"] = "month"
    limit_usd: (
        Annotated[
            Decimal, BeforeValidator(_as_decimal), Field(ge=0, max_digits=14, decimal_places=2)
        ]
        | None
    ) = None
    limit_calls: int | None = Field(None, ge=0, le=2_147_483_647)
    is_active: bool = True

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.level == "agent") != (self.agent is not None):
            raise refuse("agent goes with level: agent, and only with it")
        if self.limit_usd is None and self.limit_calls is None:
            raise refuse("limit_usd or limit_calls is missing")
        return self


class SavedAnswersSection(Section):
    """Whether the answer to a question is given again to who asks the same, and how long."""

    is_on: bool = False
    hours: int = Field(24, ge=1, le=24)


class LlmSection(Section):
    """Models: who provides them, which is used for what, what they cost and may cost."""

    credentials: list[CredentialSection] = []
    chat: ChatSection | None = None
    embed: EmbedSection = EmbedSection(provider="local")
    purposes: PurposesSection = PurposesSection()
    prices: list[PriceSection] = []
    exchange_rates: list[RateSection] = []
    budgets: list[BudgetSection] = []
    saved_answers: SavedAnswersSection | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        _each_once("price", ((one.provider, one.model, one.valid_from) for one in self.prices))
        _each_once("exchange rate", (one.valid_from for one in self.exchange_rates))
        _each_once("budget", ((one.level, one.agent, one.period) for one in self.budgets))
        return self


def _each_once(what: str, keys: Iterable[Hashable]) -> None:
    for key, n in Counter(keys).items():
        if n > 1:
            shown = key if isinstance(key, tuple) else (key,)
            words = " ".join(str(part) for part in shown if part is not None)
            raise refuse(f"there is more than one {what} for {words}")
