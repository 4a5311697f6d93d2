from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO, Generator, TextIO, TypeVar, cast
from uuid import UUID

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..models.agent_data_kind_enum import AgentDataKindEnum
from ..models.approval_then_enum import ApprovalThenEnum
from ..models.history_enum import HistoryEnum
from ..models.leads_enum import LeadsEnum
from ..models.outside_hours_enum import OutsideHoursEnum
from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.agent_data_guards import AgentDataGuards
    from ..models.fallback import Fallback


T = TypeVar("T", bound="AgentData")


@_attrs_define
class AgentData:
    """An agent as it is edited; what answers contacts is its published version.

    Attributes:
        uuid (UUID):
        name (str):
        published_version (int | None):
        created_at (datetime.datetime):
        updated_at (datetime.datetime):
        kind (AgentDataKindEnum | Unset): * `general` - General: front desk, routes
            * `specialist` - Specialist: one subject
            * `integration` - Integration: acts on another system
            * `human` - Human: a queue of people
            * `personal` - Personal: only for its owner's numbers
        role (str | Unset):
        tone (str | Unset):
        instructions (str | Unset):
        dos (list[str] | Unset):
        donts (list[str] | Unset):
        policies (list[str] | Unset):
        keywords (list[str] | Unset):
        examples (list[str] | Unset):
        owner_numbers (list[str] | Unset):
        categories (list[UUID] | Unset):
        handoffs (list[UUID] | Unset):
        tools (list[UUID] | Unset):
        chat_credential (None | Unset | UUID):
        chat_model (str | Unset):
        timeout_s (int | Unset): Seconds for one answer, fallbacks included.
        fallbacks (list[Fallback] | Unset):
        guards (AgentDataGuards | Unset): By check; see docs/agents.md.
        outside_hours (OutsideHoursEnum | Unset): * `answer` - Answer as usual
            * `tell` - Answer, and send the away text when something is left to people
            * `away` - Only the away text; people answer when they are back
        history (HistoryEnum | Unset): * `whole` - The whole conversation, the older part as a summary
            * `handoff` - Only since it was handed the conversation, and the brief
            * `none` - Nothing but the new messages and the brief
        leads (LeadsEnum | Unset): * `off` - No
            * `end` - When the conversation is over, from what was said
            * `live` - While it answers: it asks what is missing, and keeps what is told
        is_active (bool | Unset):
        return_after_min (int | Unset): How long after a person's last message this agent answers again. 0: only when it
            is given back. It holds at once, without publishing.
        needs_approval (bool | Unset): What this agent writes waits for a person before it is sent.
        approval_within_min (int | Unset):
        approval_then (ApprovalThenEnum | Unset): * `send` - it is sent all the same
            * `people` - the conversation is left to people
    """

    uuid: UUID
    name: str
    published_version: int | None
    created_at: datetime.datetime
    updated_at: datetime.datetime
    kind: AgentDataKindEnum | Unset = UNSET
    role: str | Unset = UNSET
    tone: str | Unset = UNSET
    instructions: str | Unset = UNSET
    dos: list[str] | Unset = UNSET
    donts: list[str] | Unset = UNSET
    policies: list[str] | Unset = UNSET
    keywords: list[str] | Unset = UNSET
    examples: list[str] | Unset = UNSET
    owner_numbers: list[str] | Unset = UNSET
    categories: list[UUID] | Unset = UNSET
    handoffs: list[UUID] | Unset = UNSET
    tools: list[UUID] | Unset = UNSET
    chat_credential: None | Unset | UUID = UNSET
    chat_model: str | Unset = UNSET
    timeout_s: int | Unset = UNSET
    fallbacks: list[Fallback] | Unset = UNSET
    guards: AgentDataGuards | Unset = UNSET
    outside_hours: OutsideHoursEnum | Unset = UNSET
    history: HistoryEnum | Unset = UNSET
    leads: LeadsEnum | Unset = UNSET
    is_active: bool | Unset = UNSET
    return_after_min: int | Unset = UNSET
    needs_approval: bool | Unset = UNSET
    approval_within_min: int | Unset = UNSET
    approval_then: ApprovalThenEnum | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        from ..models.agent_data_guards import AgentDataGuards  # noqa: PLC0415
        from ..models.fallback import Fallback  # noqa: PLC0415

        uuid = str(self.uuid)

        name = self.name

        published_version: int | None
        published_version = self.published_version

        created_at = self.created_at.isoformat()

        updated_at = self.updated_at.isoformat()

        kind: str | Unset = UNSET
        if not isinstance(self.kind, Unset):
            kind = self.kind.value

        role = self.role

        tone = self.tone

        instructions = self.instructions

        dos: list[str] | Unset = UNSET
        if not isinstance(self.dos, Unset):
            dos = self.dos

        donts: list[str] | Unset = UNSET
        if not isinstance(self.donts, Unset):
            donts = self.donts

        policies: list[str] | Unset = UNSET
        if not isinstance(self.policies, Unset):
            policies = self.policies

        keywords: list[str] | Unset = UNSET
        if not isinstance(self.keywords, Unset):
            keywords = self.keywords

        examples: list[str] | Unset = UNSET
        if not isinstance(self.examples, Unset):
            examples = self.examples

        owner_numbers: list[str] | Unset = UNSET
        if not isinstance(self.owner_numbers, Unset):
            owner_numbers = self.owner_numbers

        categories: list[str] | Unset = UNSET
        if not isinstance(self.categories, Unset):
            categories = []
            for categories_item_data in self.categories:
                categories_item = str(categories_item_data)
                categories.append(categories_item)

        handoffs: list[str] | Unset = UNSET
        if not isinstance(self.handoffs, Unset):
            handoffs = []
            for handoffs_item_data in self.handoffs:
                handoffs_item = str(handoffs_item_data)
                handoffs.append(handoffs_item)

        tools: list[str] | Unset = UNSET
        if not isinstance(self.tools, Unset):
            tools = []
            for tools_item_data in self.tools:
                tools_item = str(tools_item_data)
                tools.append(tools_item)

        chat_credential: None | str | Unset
        if isinstance(self.chat_credential, Unset):
            chat_credential = UNSET
        elif isinstance(self.chat_credential, UUID):
            chat_credential = str(self.chat_credential)
        else:
            chat_credential = self.chat_credential

        chat_model = self.chat_model

        timeout_s = self.timeout_s

        fallbacks: list[dict[str, Any]] | Unset = UNSET
        if not isinstance(self.fallbacks, Unset):
            fallbacks = []
            for fallbacks_item_data in self.fallbacks:
                fallbacks_item = fallbacks_item_data.to_dict()
                fallbacks.append(fallbacks_item)

        guards: dict[str, Any] | Unset = UNSET
        if not isinstance(self.guards, Unset):
            guards = self.guards.to_dict()

        outside_hours: str | Unset = UNSET
        if not isinstance(self.outside_hours, Unset):
            outside_hours = self.outside_hours.value

        history: str | Unset = UNSET
        if not isinstance(self.history, Unset):
            history = self.history.value

        leads: str | Unset = UNSET
        if not isinstance(self.leads, Unset):
            leads = self.leads.value

        is_active = self.is_active

        return_after_min = self.return_after_min

        needs_approval = self.needs_approval

        approval_within_min = self.approval_within_min

        approval_then: str | Unset = UNSET
        if not isinstance(self.approval_then, Unset):
            approval_then = self.approval_then.value

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "uuid": uuid,
                "name": name,
                "published_version": published_version,
                "created_at": created_at,
                "updated_at": updated_at,
            }
        )
        if kind is not UNSET:
            field_dict["kind"] = kind
        if role is not UNSET:
            field_dict["role"] = role
        if tone is not UNSET:
            field_dict["tone"] = tone
        if instructions is not UNSET:
            field_dict["instructions"] = instructions
        if dos is not UNSET:
            field_dict["dos"] = dos
        if donts is not UNSET:
            field_dict["donts"] = donts
        if policies is not UNSET:
            field_dict["policies"] = policies
        if keywords is not UNSET:
            field_dict["keywords"] = keywords
        if examples is not UNSET:
            field_dict["examples"] = examples
        if owner_numbers is not UNSET:
            field_dict["owner_numbers"] = owner_numbers
        if categories is not UNSET:
            field_dict["categories"] = categories
        if handoffs is not UNSET:
            field_dict["handoffs"] = handoffs
        if tools is not UNSET:
            field_dict["tools"] = tools
        if chat_credential is not UNSET:
            field_dict["chat_credential"] = chat_credential
        if chat_model is not UNSET:
            field_dict["chat_model"] = chat_model
        if timeout_s is not UNSET:
            field_dict["timeout_s"] = timeout_s
        if fallbacks is not UNSET:
            field_dict["fallbacks"] = fallbacks
        if guards is not UNSET:
            field_dict["guards"] = guards
        if outside_hours is not UNSET:
            field_dict["outside_hours"] = outside_hours
        if history is not UNSET:
            field_dict["history"] = history
        if leads is not UNSET:
            field_dict["leads"] = leads
        if is_active is not UNSET:
            field_dict["is_active"] = is_active
        if return_after_min is not UNSET:
            field_dict["return_after_min"] = return_after_min
        if needs_approval is not UNSET:
            field_dict["needs_approval"] = needs_approval
        if approval_within_min is not UNSET:
            field_dict["approval_within_min"] = approval_within_min
        if approval_then is not UNSET:
            field_dict["approval_then"] = approval_then

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.agent_data_guards import AgentDataGuards  # noqa: PLC0415
        from ..models.fallback import Fallback  # noqa: PLC0415

        d = dict(src_dict)
        uuid = UUID(d.pop("uuid"))

        name = d.pop("name")

        def _parse_published_version(data: object) -> int | None:
            if data is None:
                return data
            return cast(int | None, data)

        published_version = _parse_published_version(d.pop("published_version"))

        created_at = datetime.datetime.fromisoformat(d.pop("created_at"))

        updated_at = datetime.datetime.fromisoformat(d.pop("updated_at"))

        _kind = d.pop("kind", UNSET)
        kind: AgentDataKindEnum | Unset
        if isinstance(_kind, Unset):
            kind = UNSET
        else:
            kind = AgentDataKindEnum(_kind)

        role = d.pop("role", UNSET)

        tone = d.pop("tone", UNSET)

        instructions = d.pop("instructions", UNSET)

        dos = cast(list[str], d.pop("dos", UNSET))

        donts = cast(list[str], d.pop("donts", UNSET))

        policies = cast(list[str], d.pop("policies", UNSET))

        keywords = cast(list[str], d.pop("keywords", UNSET))

        examples = cast(list[str], d.pop("examples", UNSET))

        owner_numbers = cast(list[str], d.pop("owner_numbers", UNSET))

        _categories = d.pop("categories", UNSET)
        categories: list[UUID] | Unset = UNSET
        if _categories is not UNSET:
            categories = []
            for categories_item_data in _categories:
                categories_item = UUID(categories_item_data)

                categories.append(categories_item)

        _handoffs = d.pop("handoffs", UNSET)
        handoffs: list[UUID] | Unset = UNSET
        if _handoffs is not UNSET:
            handoffs = []
            for handoffs_item_data in _handoffs:
                handoffs_item = UUID(handoffs_item_data)

                handoffs.append(handoffs_item)

        _tools = d.pop("tools", UNSET)
        tools: list[UUID] | Unset = UNSET
        if _tools is not UNSET:
            tools = []
            for tools_item_data in _tools:
                tools_item = UUID(tools_item_data)

                tools.append(tools_item)

        def _parse_chat_credential(data: object) -> None | Unset | UUID:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                chat_credential_type_0 = UUID(data)

                return chat_credential_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(None | Unset | UUID, data)

        chat_credential = _parse_chat_credential(d.pop("chat_credential", UNSET))

        chat_model = d.pop("chat_model", UNSET)

        timeout_s = d.pop("timeout_s", UNSET)

        _fallbacks = d.pop("fallbacks", UNSET)
        fallbacks: list[Fallback] | Unset = UNSET
        if _fallbacks is not UNSET:
            fallbacks = []
            for fallbacks_item_data in _fallbacks:
                fallbacks_item = Fallback.from_dict(fallbacks_item_data)

                fallbacks.append(fallbacks_item)

        _guards = d.pop("guards", UNSET)
        guards: AgentDataGuards | Unset
        if isinstance(_guards, Unset):
            guards = UNSET
        else:
            guards = AgentDataGuards.from_dict(_guards)

        _outside_hours = d.pop("outside_hours", UNSET)
        outside_hours: OutsideHoursEnum | Unset
        if isinstance(_outside_hours, Unset):
            outside_hours = UNSET
        else:
            outside_hours = OutsideHoursEnum(_outside_hours)

        _history = d.pop("history", UNSET)
        history: HistoryEnum | Unset
        if isinstance(_history, Unset):
            history = UNSET
        else:
            history = HistoryEnum(_history)

        _leads = d.pop("leads", UNSET)
        leads: LeadsEnum | Unset
        if isinstance(_leads, Unset):
            leads = UNSET
        else:
            leads = LeadsEnum(_leads)

        is_active = d.pop("is_active", UNSET)

        return_after_min = d.pop("return_after_min", UNSET)

        needs_approval = d.pop("needs_approval", UNSET)

        approval_within_min = d.pop("approval_within_min", UNSET)

        _approval_then = d.pop("approval_then", UNSET)
        approval_then: ApprovalThenEnum | Unset
        if isinstance(_approval_then, Unset):
            approval_then = UNSET
        else:
            approval_then = ApprovalThenEnum(_approval_then)

        agent_data = cls(
            uuid=uuid,
            name=name,
            published_version=published_version,
            created_at=created_at,
            updated_at=updated_at,
            kind=kind,
            role=role,
            tone=tone,
            instructions=instructions,
            dos=dos,
            donts=donts,
            policies=policies,
            keywords=keywords,
            examples=examples,
            owner_numbers=owner_numbers,
            categories=categories,
            handoffs=handoffs,
            tools=tools,
            chat_credential=chat_credential,
            chat_model=chat_model,
            timeout_s=timeout_s,
            fallbacks=fallbacks,
            guards=guards,
            outside_hours=outside_hours,
            history=history,
            leads=leads,
            is_active=is_active,
            return_after_min=return_after_min,
            needs_approval=needs_approval,
            approval_within_min=approval_within_min,
            approval_then=approval_then,
        )

        agent_data.additional_properties = d
        return agent_data

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
