"""What a blueprint file may hold. Every rule that needs no database is checked in one pass.

Names that one section uses and another defines, environment variables and files are checked by the
same pass, through `Surroundings`, so that all mistakes of a file are reported at once, each with
its path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from config import env

DOCUMENT_KINDS = (".csv", ".md", ".pdf", ".txt")
MAX_DOCUMENT_BYTES = 20 * 1024 * 1024
"""The largest file that the knowledge base takes; checked here to refuse before writing."""

_EVENTS = Literal[
    "message.received",
    "message.sent",
    "message.failed",
    "conversation.opened",
    "conversation.handed_off",
    "conversation.taken_over",
    "conversation.returned",
    "conversation.closed",
    "lead.created",
    "lead.qualified",
    "lead.updated",
    "device.status_changed",
    "document.ready",
    "document.failed",
    "budget.warned",
    "budget.exhausted",
    "contact.opted_out",
    "contact.erased",
]
_DAY = "(mon|tue|wed|thu|fri|sat|sun)"
_INTERVAL = re.compile(r"([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)")


@dataclass(frozen=True)
class Surroundings:
    """What a file is checked against beside its own types.

    Attributes:
        folder: where the file lies; documents are looked for below it.
        names: section -> how often each name is defined there.
        modelless: names of credentials that stand for no model at all.
    """

    folder: Path
    names: dict[str, Counter[str]]
    modelless: frozenset[str]


def surroundings(raw: object, *, folder: Path) -> Surroundings:
    """Collect the names that a file defines, as far as its shape allows."""

    def entries(*path: str) -> list[dict[object, object]]:
        found: object = raw
        for step in path:
            found = found.get(step) if isinstance(found, dict) else None
        listed = found if isinstance(found, list) else []
        return [entry for entry in listed if isinstance(entry, dict)]

    def names(*path: str, key: str = "name") -> Counter[str]:
        return Counter(name for entry in entries(*path) if isinstance(name := entry.get(key), str))

    return Surroundings(
        folder=folder,
        names={
            "user": names("users", key="username"),
            "credential": names("llm", "credentials"),
            "category": names("knowledge", "categories"),
            "agent": names("agents"),
            "device": names("devices"),
            "webhook": names("webhooks"),
        },
        modelless=frozenset(
            str(entry.get("name"))
            for entry in entries("llm", "credentials")
            if entry.get("provider") == "offline"
        ),
    )


def _around(info: ValidationInfo) -> Surroundings:
    assert isinstance(info.context, Surroundings)  # noqa: S101 - a programming error, not a file's
    return info.context


def _refuse(message: str) -> PydanticCustomError:
    # The message is not a template: braces in a name must not be looked up.
    return PydanticCustomError("blueprint", "{text}", {"text": message})


def _defined(section: str) -> Callable[[str, ValidationInfo], str]:
    def check(name: str, info: ValidationInfo) -> str:
        if _around(info).names[section][name] > 1:
            raise _refuse(f'there is more than one {section} named "{name}"')
        return name

    return check


def _used(section: str) -> Callable[[str, ValidationInfo], str]:
    def check(name: str, info: ValidationInfo) -> str:
        if not _around(info).names[section][name]:
            raise _refuse(f'no {section} named "{name}"')
        return name

    return check


def _is_set(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise _refuse(f'"{name}" is no name of an environment variable')
    if not env.text(name):
        raise _refuse(f"the environment variable {name} is not set")
    return name


def _is_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise _refuse(f'no time zone is named "{name}"') from error
    return name


def _is_language(code: str) -> str:
    known = [known for known, _ in settings.LANGUAGES]
    if code not in known:
        raise _refuse(f'"{code}" is none of: {", ".join(known)}')
    return code


def _is_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise _refuse(f'"{url}" is no http or https address')
    return url.rstrip("/")


def _is_day_range(text: str) -> str:
    if not re.fullmatch(f"{_DAY}(-{_DAY})?", text):
        raise _refuse(f'"{text}" is no day or range of days, such as sat or mon-fri')
    return text


def _is_interval(text: str) -> str:
    if not _INTERVAL.fullmatch(text) or text[:5] >= text[6:]:
        raise _refuse(f'"{text}" is no span of hours, such as 08:00-12:00')
    return text


def matching_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files below `folder` that a document pattern means, in order of their paths.

    Raises:
        PydanticCustomError: none, or one that the knowledge base cannot take.
    """
    pure = PurePosixPath(pattern)
    if pure.is_absolute() or ".." in pure.parts:
        raise _refuse(f'"{pattern}" leads out of the folder of this file')
    try:
        # A file's own name first: it may hold signs that mean something in a pattern.
        found = [folder / pattern]
        if not found[0].is_file():
            found = sorted(path for path in folder.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise _refuse(f'"{pattern}" is no pattern of files') from error
    if not found:
        raise _refuse(f'no file matches "{pattern}"')
    for path in found:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise _refuse(f'"{path.name}" leads out of the folder of this file')
        if path.suffix.lower() not in DOCUMENT_KINDS:
            raise _refuse(f'"{path.name}" is none of: {", ".join(DOCUMENT_KINDS)}')
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            raise _refuse(f'"{path.name}" is larger than {MAX_DOCUMENT_BYTES // 2**20} MiB')
    return found


def _is_pattern(pattern: str, info: ValidationInfo) -> str:
    matching_files(_around(info).folder, pattern)
    return pattern


def _is_hmac_key(key: str) -> str:
    if len(key) < 32:
        raise _refuse("an HMAC key has at least 32 characters")
    return key


def _holds_hmac_key(name: str) -> str:
    _is_hmac_key(env.text(name))
    return name


Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^\S(.*\S)?$")]
EnvName = Annotated[str, AfterValidator(_is_set)]
Secret = Annotated[str, Field(min_length=1)]
Url = Annotated[str, AfterValidator(_is_url)]
CredentialRef = Annotated[str, AfterValidator(_used("credential"))]
CategoryRef = Annotated[str, AfterValidator(_used("category"))]
AgentRef = Annotated[str, AfterValidator(_used("agent"))]


class Section(BaseModel):
    """A part of the file: no unknown key, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    def reveal(self, name: str) -> str | None:
        """Return the value of the secret `name`, given here or by its `<name>_env`; else None."""
        variable = getattr(self, f"{name}_env")
        value: str | None = env.text(variable) if variable else getattr(self, name)
        return value

    def _one_of(self, name: str, *, required: bool) -> None:
        given = [key for key in (name, f"{name}_env") if getattr(self, key) is not None]
        if len(given) > 1:
            raise _refuse(f"give {name} or {name}_env, not both")
        if required and not given:
            raise _refuse(f"{name} or {name}_env is missing")


class TenantSection(Section):
    """The business."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9_]{1,57}$")
    name: Name
    domains: list[Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]] = Field(
        min_length=1
    )
    timezone: Annotated[str, AfterValidator(_is_zone)] = "America/Sao_Paulo"
    language: Annotated[str, AfterValidator(_is_language)] = "pt-br"


class UserSection(Section):
    """One member of staff; without a password, one that was set before is kept."""

    username: Annotated[str, Field(pattern=r"^[\w.@+-]{1,150}$"), AfterValidator(_defined("user"))]
    email: str = Field("", pattern=r"^([^@\s]+@[^@\s]+)?$", max_length=254)
    role: Literal["owner", "manager", "attendant", "auditor"]
    password: Secret | None = Field(None, repr=False)
    password_env: EnvName | None = None

    @model_validator(mode="after")
    def _check(self) -> UserSection:
        self._one_of("password", required=False)
        return self


class CredentialSection(Section):
    """A provider of models, with its key; `none` stands for a server that asks for no key."""

    name: Annotated[Name, AfterValidator(_defined("credential"))]
    provider: Literal["openai", "gemini", "deepseek", "anthropic", "openai_compatible", "offline"]
    base_url: Url | None = None
    api_key: Secret | None = Field(None, repr=False)
    api_key_env: EnvName | None = None

    @model_validator(mode="after")
    def _check(self) -> CredentialSection:
        self._one_of("api_key", required=self.provider != "offline")
        if self.provider == "openai_compatible" and self.base_url is None:
            raise _refuse("base_url is missing")
        return self


class FallbackSection(Section):
    """Which model is asked when the one before it fails."""

    credential: CredentialRef
    model: str = Field("", max_length=120)

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> Self:
        if not self.model and self.credential not in _around(info).modelless:
            raise _refuse("model is missing")
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
            raise _refuse("give provider: local, or a credential and a model")
        if self.credential is not None and not self.model:
            raise _refuse("model is missing")
        return self


class LlmSection(Section):
    """Models: who provides them, and which is used for what."""

    credentials: list[CredentialSection] = []
    chat: ChatSection | None = None
    embed: EmbedSection = EmbedSection(provider="local")


class CategorySection(Section):
    """Documents that belong together; patterns are relative to the file."""

    name: Annotated[Name, AfterValidator(_defined("category"))]
    documents: list[Annotated[str, AfterValidator(_is_pattern)]] = []

    def files(self, folder: Path) -> list[Path]:
        """Return the files of all patterns, each once."""
        found = {
            path: None for pattern in self.documents for path in matching_files(folder, pattern)
        }
        return list(found)

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> CategorySection:
        names = Counter(path.name for path in self.files(_around(info).folder))
        for name, n in names.items():
            if n > 1:
                raise _refuse(f'there is more than one document named "{name}"')
        return self


class KnowledgeSection(Section):
    """What the agents may read."""

    categories: list[CategorySection] = []


class AgentSection(Section):
    """A persona; `chat` differs from the tenant's where given."""

    name: Annotated[Name, AfterValidator(_defined("agent"))]
    kind: Literal["general", "specialist", "integration", "human", "personal"]
    instructions: str = Field("", max_length=20_000)
    categories: list[CategoryRef] = []
    handoffs: list[AgentRef] = []
    keywords: list[Annotated[str, Field(min_length=2, max_length=60)]] = Field([], max_length=100)
    chat: ChatSection | None = None
    is_active: bool = True

    @model_validator(mode="after")
    def _check(self) -> AgentSection:
        if self.name in self.handoffs:
            raise _refuse("hands off to itself")
        return self


class BridgeSection(Section):
    """The bridge that holds a device's WhatsApp session."""

    kind: Literal["wuzapi"] = "wuzapi"
    base_url: Url
    token: Secret | None = Field(None, repr=False)
    token_env: EnvName | None = None
    hmac_key: Annotated[str, AfterValidator(_is_hmac_key)] | None = Field(None, repr=False)
    hmac_key_env: Annotated[EnvName, AfterValidator(_holds_hmac_key)] | None = None

    @model_validator(mode="after")
    def _check(self) -> BridgeSection:
        self._one_of("token", required=True)
        self._one_of("hmac_key", required=True)
        return self


class DeviceSection(Section):
    """One WhatsApp number; `route_key` is part of its webhook address, random when null."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=60, pattern=r"^\S(.*\S)?$"),
        AfterValidator(_defined("device")),
    ]
    entry_agent: AgentRef
    quiet_s: float = Field(5, ge=0, le=60)
    max_wait_s: float = Field(60, gt=0, le=600)
    max_messages: int = Field(20, ge=1, le=100)
    route_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    bridge: BridgeSection

    @model_validator(mode="after")
    def _check(self) -> DeviceSection:
        if self.max_wait_s < self.quiet_s:
            raise _refuse("max_wait_s is shorter than quiet_s")
        return self


class WebhookSection(Section):
    """An address of a customer's system that hears of events."""

    name: Annotated[Name, AfterValidator(_defined("webhook"))]
    url: Url
    secret: Secret | None = Field(None, repr=False)
    secret_env: EnvName | None = None
    events: list[_EVENTS] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> WebhookSection:
        self._one_of("secret", required=True)
        return self


class HoursSection(Section):
    """When people are there; `holidays` is a country with its region, such as BR-SP."""

    weekly: dict[
        Annotated[str, AfterValidator(_is_day_range)],
        list[Annotated[str, AfterValidator(_is_interval)]],
    ]
    holidays: Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z]{2})?$")] | None = None


class Blueprint(Section):
    """One tenant's configuration."""

    blueprint: Literal[1]
    tenant: TenantSection
    users: list[UserSection] = []
    llm: LlmSection = LlmSection()
    knowledge: KnowledgeSection = KnowledgeSection()
    agents: list[AgentSection] = []
    devices: list[DeviceSection] = []
    webhooks: list[WebhookSection] = []
    hours: HoursSection | None = None
