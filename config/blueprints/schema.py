"""What a blueprint file may hold. Every rule that needs no database is checked in one pass."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from agents.validators import MAX_EXAMPLES, MAX_LINE, MAX_LINES, MAX_OWNERS
from channels_whatsapp.models import MOST_FILE_MB
from config.blueprints.chatwoot import ChatwootSection
from config.blueprints.conversations import ConversationsSection
from config.blueprints.fields import (
    AgentRef,
    CategoryRef,
    EnvName,
    Name,
    Secret,
    Section,
    ToolRef,
    Url,
    are_guards,
    around,
    defined,
    holds_hmac_key,
    is_hmac_key,
    is_language,
    is_number,
    is_pattern,
    is_zone,
    matching_files,
    refuse,
)
from config.blueprints.leads import LeadsSection
from config.blueprints.mcp_servers import McpServerSection
from config.blueprints.schema_hours import HoursSection
from config.blueprints.schema_llm import ChatSection, LlmSection, OwnPurposesSection
from config.blueprints.schema_people import ApprovalSection, QueueSection, ReturnMinutes
from config.blueprints.tools import ToolSection
from config.blueprints.web_chats import WebChatSection
from config.blueprints.webhooks import WebhookSection

Lines = Annotated[
    list[Annotated[str, Field(min_length=2, max_length=MAX_LINE)]], Field(max_length=MAX_LINES)
]


class TenantSection(Section):
    """The business."""

    slug: str = Field(pattern=r"^[a-z][a-z0-9_]{1,57}$")
    name: Name
    domains: list[Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]] = Field(
        min_length=1
    )
    timezone: Annotated[str, AfterValidator(is_zone)] = "America/Sao_Paulo"
    language: Annotated[str, AfterValidator(is_language)] = "pt-br"


class UserSection(Section):
    """One member of staff; without a password, one that was set before is kept."""

    username: Annotated[str, Field(pattern=r"^[\w.@+-]{1,150}$"), AfterValidator(defined("user"))]
    email: str = Field("", pattern=r"^([^@\s]+@[^@\s]+)?$", max_length=254)
    role: Literal["owner", "manager", "attendant", "auditor"]
    password: Secret | None = Field(None, repr=False)
    password_env: EnvName | None = None

    @model_validator(mode="after")
    def _check(self) -> UserSection:
        self.one_of("password", required=False)
        return self


class DocumentSection(Section):
    """Documents and the days on which they may be quoted; a day left out is no bound."""

    path: Annotated[str, AfterValidator(is_pattern)]
    valid_from: date | None = None
    valid_until: date | None = None

    @property
    def sets_days(self) -> bool:
        """Whether days are given; else those that the documents have stay."""
        return bool(self.model_fields_set & {"valid_from", "valid_until"})

    @model_validator(mode="after")
    def _check(self) -> DocumentSection:
        first, last = self.valid_from, self.valid_until
        if first is not None and last is not None and last < first:
            raise refuse("valid_until lies before valid_from")
        return self


def _as_document(given: object, info: ValidationInfo) -> object:
    """Take a plain path for what it stands for; what is wrong with it is said of the entry."""
    if isinstance(given, str):
        return DocumentSection.model_construct({"path"}, path=is_pattern(given, info))
    return given


class CategorySection(Section):
    """Documents that belong together; patterns are relative to the file."""

    name: Annotated[Name, AfterValidator(defined("category"))]
    documents: list[Annotated[DocumentSection, BeforeValidator(_as_document)]] = []

    def files(self, folder: Path) -> dict[Path, DocumentSection]:
        """Return the files of all patterns, each with its entry; of several the last with days."""
        found: dict[Path, DocumentSection] = {}
        for entry in self.documents:
            for path in matching_files(folder, entry.path):
                if path not in found or entry.sets_days:
                    found[path] = entry
        return found

    @model_validator(mode="after")
    def _check(self, info: ValidationInfo) -> CategorySection:
        names = Counter(path.name for path in self.files(around(info).folder))
        for name, n in names.items():
            if n > 1:
                raise refuse(f'there is more than one document named "{name}"')
        return self


class KnowledgeSection(Section):
    """What the agents may read."""

    categories: list[CategorySection] = []


class AgentSection(Section):
    """A persona; `chat` and `purposes` differ from the tenant's where given."""

    name: Annotated[Name, AfterValidator(defined("agent"))]
    kind: Literal["general", "specialist", "integration", "human", "personal"]
    instructions: str = Field("", max_length=20_000)
    categories: list[CategoryRef] = []
    handoffs: list[AgentRef] = []
    tools: list[ToolRef] = []
    keywords: list[Annotated[str, Field(min_length=2, max_length=60)]] = Field([], max_length=100)
    chat: ChatSection | None = None
    purposes: OwnPurposesSection = OwnPurposesSection()
    is_active: bool = True
    outside_hours: Literal["answer", "tell", "away"] = "answer"
    guards: Annotated[dict[str, Any], AfterValidator(are_guards)] = {}
    role: str = Field("", max_length=MAX_LINE)
    tone: str = Field("", max_length=MAX_LINE)
    dos: Lines = []
    donts: Lines = []
    policies: Lines = []
    examples: list[Annotated[str, Field(min_length=3, max_length=MAX_LINE)]] = Field(
        [], max_length=MAX_EXAMPLES
    )
    owner_numbers: list[Annotated[str, AfterValidator(is_number)]] = Field(
        [], max_length=MAX_OWNERS
    )
    approval: ApprovalSection | None = None
    return_after_min: ReturnMinutes = 30
    queue: QueueSection | None = None
    history: Literal["whole", "handoff", "none"] = "whole"
    leads: Literal["off", "end", "live"] = "off"

    @model_validator(mode="after")
    def _check(self) -> AgentSection:
        if self.name in self.handoffs:
            raise refuse("hands off to itself")
        if self.kind == "personal" and not self.owner_numbers:
            raise refuse("a personal agent needs owner_numbers")
        if self.purposes.named() and self.kind == "human":
            raise refuse("an agent of kind human asks no model: it has no purposes")
        if self.queue is not None and self.kind != "human":
            raise refuse("only an agent of kind human has a queue")
        if self.queue is not None and self.queue.escalate_to == self.name:
            raise refuse("its queue passes to itself")
        return self


class BusinessSection(Section):
    """What every agent may say of the business."""

    name: str = Field("", max_length=120)
    about: str = Field("", max_length=500)
    address: str = Field("", max_length=MAX_LINE)
    site: str = Field("", max_length=200)
    phone: str = Field("", max_length=60)
    email: str = Field("", pattern=r"^([^@\s]+@[^@\s]+)?$", max_length=254)
    facts: Lines = []


class BridgeSection(Section):
    """The bridge that holds a device's WhatsApp session."""

    kind: Literal["wuzapi"] = "wuzapi"
    base_url: Url
    token: Secret | None = Field(None, repr=False)
    token_env: EnvName | None = None
    hmac_key: Annotated[str, AfterValidator(is_hmac_key)] | None = Field(None, repr=False)
    hmac_key_env: Annotated[EnvName, AfterValidator(holds_hmac_key)] | None = None

    @model_validator(mode="after")
    def _check(self) -> BridgeSection:
        self.one_of("token", required=True)
        self.one_of("hmac_key", required=True)
        return self


class ReceptionSection(Section):
    """What of that which arrives at a number is kept and answered."""

    groups: Literal["ignore", "mention"] = "ignore"
    files: list[Literal["image", "audio", "video", "document", "sticker"]] = [
        "image",
        "audio",
        "video",
        "document",
        "sticker",
    ]
    file_max_mb: int = Field(16, ge=1, le=MOST_FILE_MB)
    sound_max_s: int = Field(300, ge=1, le=3600)
    file_wait_s: int = Field(25, ge=0, le=120)


class SendingSection(Section):
    """How a number sends; `0` is no limit and no dividing, but no planned messages at all."""

    gap_s: float = Field(0, ge=0, le=60)
    day_cap: int = Field(0, ge=0)
    unasked_cap: int = Field(50, ge=0, le=2_000)
    warms_up: bool = True
    bubble_chars: int = Field(600, ge=0, le=4_000)
    quotes: Literal["never", "unclear", "always"] = "unclear"
    reads: Literal["never", "answer"] = "never"


class DeviceSection(Section):
    """One WhatsApp number; `route_key` is part of its webhook address, random when null."""

    name: Annotated[
        str,
        Field(min_length=1, max_length=60, pattern=r"^\S(.*\S)?$"),
        AfterValidator(defined("device")),
    ]
    entry_agent: AgentRef
    quiet_s: float = Field(5, ge=0, le=60)
    max_wait_s: float = Field(60, ge=0, le=600)
    max_messages: int = Field(20, ge=1, le=100)
    freshness_s: float = Field(900, ge=1, le=7 * 86_400)
    route_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")] | None = None
    receives: ReceptionSection | None = None
    sends: SendingSection | None = None
    bridge: BridgeSection

    @model_validator(mode="after")
    def _check(self) -> DeviceSection:
        if self.max_wait_s < self.quiet_s:
            raise refuse("max_wait_s is shorter than quiet_s")
        return self


class Blueprint(Section):
    """One tenant's configuration."""

    blueprint: Literal[1]
    tenant: TenantSection
    users: list[UserSection] = []
    llm: LlmSection = LlmSection()
    knowledge: KnowledgeSection = KnowledgeSection()
    agents: list[AgentSection] = []
    devices: list[DeviceSection] = []
    chatwoot: list[ChatwootSection] = []
    web_chats: list[WebChatSection] = []
    tools: list[ToolSection] = []
    mcp_servers: list[McpServerSection] = []
    webhooks: list[WebhookSection] = []
    hours: HoursSection | None = None
    guards: Annotated[dict[str, Any], AfterValidator(are_guards)] | None = None
    business: BusinessSection | None = None
    conversations: ConversationsSection | None = None
    leads: LeadsSection | None = None
