"""Writing a tenant's configuration as a blueprint: what `applying` reads, secrets by reference."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import yaml
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.text import slugify
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.services import business, guarding
from channels_whatsapp.models import Device
from channels_whatsapp.services import sending
from config.blueprints import (
    chatwoot,
    conversations,
    exporting_llm,
    exporting_people,
    hours,
    leads,
    mcp_servers,
    tools,
    web_chats,
    webhooks,
)
from config.blueprints.applying_agents import PERSONA
from integrations.models import Credential
from knowledge import spaces
from knowledge.models import Category, Document
from knowledge.services.documents import original_of
from tenants.models import Domain, Tenant
from tenants.services.staff import Role


class _Dumper(yaml.SafeDumper):
    """Indents lists below their key and writes long texts as blocks, as people do."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent, also where YAML would allow not to."""
        del indentless
        super().increase_indent(flow, indentless=False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    if "\x85" in value:  # YAML reads the old sign for a new line as one, unless it is written out
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


class _Variables:
    """Names for the environment variables of secrets, each given once."""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def name(self, *parts: str) -> str:
        """Return a name such as ``DEVICE_PRINCIPAL_TOKEN``."""
        plain = unicodedata.normalize("NFKD", "_".join(parts)).encode("ascii", "ignore").decode()
        name = re.sub(r"\W+", "_", plain).strip("_").upper()
        self._given[name] += 1
        n_given = self._given[name]
        return name if n_given == 1 else f"{name}_{n_given}"


def as_yaml(data: dict[str, Any]) -> str:
    """Return a blueprint's data as text."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def export(tenant: Tenant) -> dict[str, Any]:
    """Return the tenant's configuration in the shape of a blueprint file.

    Document paths are those that `write_documents` writes to. A route key is not part of it: it
    is a secret of this installation and unique in it.
    """
    variables = _Variables()
    domains = Domain.objects.filter(tenant=tenant).order_by("-is_primary", "domain")
    with tenant_context(tenant):
        chat, agents = _agents()
        data: dict[str, Any] = {
            "blueprint": 1,
            "tenant": {
                "slug": tenant.slug,
                "name": tenant.name,
                "domains": list(domains.values_list("domain", flat=True)),
                "timezone": tenant.timezone,
                "language": tenant.language,
            },
            "users": _users(variables),
            "llm": {
                "credentials": _credentials(variables),
                **({"chat": chat} if chat else {}),
                "embed": _embed(),
                **exporting_llm.sections(),
            },
            "knowledge": {"categories": _categories()},
            "agents": agents,
            "devices": _devices(variables),
            **_business(),
        }
        if answered := chatwoot.export(variables.name):
            data["chatwoot"] = answered
        if on_pages := web_chats.export():
            data["web_chats"] = on_pages
        if described := tools.export(variables.name):
            data["tools"] = described
        if asked := mcp_servers.export(variables.name):
            data["mcp_servers"] = asked
        if found := webhooks.export(variables.name):
            data["webhooks"] = found
        if (opening := hours.export()) is not None:
            data["hours"] = opening
        if (found_leads := leads.export(variables.name)) is not None:
            data["leads"] = found_leads
        if (ending := conversations.export()) is not None:
            data["conversations"] = ending
        if kept := guarding.stored():
            data["guards"] = kept
    return data


def write_documents(tenant: Tenant, *, folder: Path) -> int:
    """Write the documents below `folder`, where `export` says they are; return how many."""
    with tenant_context(tenant):
        paths = _document_paths()
        for document in Document.objects.filter(pk__in=paths):
            target = folder / paths[document.pk]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(original_of(document))
    return len(paths)


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value


def _users(variables: _Variables) -> list[dict[str, Any]]:
    users = User.objects.filter(is_staff=True, is_active=True, is_superuser=False)
    exported = []
    for user in users.prefetch_related("groups").order_by("username"):
        roles = [group.name for group in user.groups.all() if group.name in set(Role)]
        if not roles:
            continue
        entry = {"username": user.username, "email": user.email, "role": sorted(roles)[0]}
        if user.password and user.has_usable_password():
            entry["password_env"] = variables.name("user", user.username, "password")
        exported.append(entry)
    return exported


def _credentials(variables: _Variables) -> list[dict[str, Any]]:
    exported = []
    for credential in Credential.objects.order_by("name"):
        entry = {"name": credential.name, "provider": credential.provider}
        if credential.base_url:
            entry["base_url"] = credential.base_url
        if credential.api_key_encrypted:
            entry["api_key_env"] = variables.name("credential", credential.name, "api_key")
        elif credential.provider != Credential.Kind.OFFLINE:
            entry["api_key"] = "none"
        exported.append(entry)
    return exported


def _embed() -> dict[str, Any]:
    """Return the embedding model that is in use, or on its way to be."""
    space = spaces.building_space() or spaces.active_space()
    if space.credential is None:
        return {"provider": spaces.LOCAL}
    return {"credential": space.credential.name, "model": space.model}


def _documents() -> QuerySet[Document]:
    """Return what people gave: nothing of the bin, which would answer again, and no web page."""
    return Document.objects.filter(deleted_at=None, web_source=None)


def _document_paths() -> dict[int, str]:
    """Return where each document is written: its id -> a path below the blueprint's folder."""
    taken: Counter[str] = Counter()
    paths = {}
    rows = (
        _documents().order_by("category__name", "name").values_list("pk", "category__name", "name")
    )
    for document_id, category, name in rows:
        shelf = f"docs/{slugify(category) or 'docs'}"
        taken[f"{shelf}/{name}"] += 1
        n_taken = taken[f"{shelf}/{name}"]
        paths[document_id] = f"{shelf}/{name}" if n_taken == 1 else f"{shelf}-{n_taken}/{name}"
    return paths


def _categories() -> list[dict[str, Any]]:
    paths = _document_paths()
    exported = []
    for category in Category.objects.order_by("name"):
        held = _documents().filter(category=category).order_by("name")
        rows = held.values_list("pk", "valid_from", "valid_until")
        exported.append(
            {
                "name": category.name,
                "documents": [_document(paths[pk], first, last) for pk, first, last in rows],
            }
        )
    return exported


def _document(path: str, first: date | None, last: date | None) -> str | dict[str, Any]:
    """Return a document's entry: its path alone where it is always valid."""
    days = {"valid_from": first, "valid_until": last}
    bounds = {name: day for name, day in days.items() if day is not None}
    return {"path": path, **bounds} if bounds else path


def _agents() -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """Return the chat section that most agents share, where all have one, and the agents."""
    agents = list(Agent.objects.select_related("chat_credential").order_by("pk"))
    names = {str(one.uuid): one.name for one in Credential.objects.all()}
    chats = {agent.pk: _chat(agent, names) for agent in agents if agent.kind != Agent.Kind.HUMAN}
    tally = Counter(as_yaml(chat) for chat in chats.values() if chat)
    # What one agent leaves to the business (`purposes.chat`) a shared section would take from it.
    is_shared = tally and all(chats.values())
    shared = yaml.safe_load(tally.most_common(1)[0][0]) if is_shared else None
    return shared, [_agent(agent, chats.get(agent.pk), shared, names) for agent in agents]


def _chat(agent: Agent, names: Mapping[str, str]) -> dict[str, Any] | None:
    if agent.chat_credential is None:
        return None
    chat: dict[str, Any] = {"credential": agent.chat_credential.name}
    if agent.chat_model:
        chat["model"] = agent.chat_model
    chat["timeout_s"] = agent.timeout_s
    if fallbacks := exporting_llm.chain(agent.fallbacks, names):
        chat["fallbacks"] = fallbacks
    return chat


def _linked(agent: Agent, name: str) -> list[str]:
    chosen = getattr(agent, name).order_by("name")
    if name == "tools":  # those of a server that nobody has approved anew are not in the file
        chosen = chosen.exclude(mcp__pinned_hash="")
    return list(chosen.values_list("name", flat=True))


def _agent(
    agent: Agent,
    chat: dict[str, Any] | None,
    shared: dict[str, Any] | None,
    names: Mapping[str, str],
) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": agent.name, "kind": agent.kind}
    if agent.instructions:
        entry["instructions"] = agent.instructions
    for name in ("categories", "handoffs", "tools"):
        if linked := _linked(agent, name):
            entry[name] = linked
    if agent.keywords:
        entry["keywords"] = agent.keywords
    entry |= {name: value for name in PERSONA if (value := getattr(agent, name))}
    if chat and chat != shared:
        entry["chat"] = chat
    if not agent.is_active:
        entry["is_active"] = False
    defaults = Agent()
    for name in ("outside_hours", "history", "leads"):
        if (value := getattr(agent, name)) != getattr(defaults, name):
            entry[name] = value
    parts = {"guards": agent.guards, "purposes": exporting_llm.own_purposes(agent, names)}
    entry |= {name: value for name, value in parts.items() if value}
    entry.update(exporting_people.section(agent))
    return entry


def _business() -> dict[str, Any]:
    """Return the section of the business; nothing where none of it was written."""
    row = business.row()
    section = {name: value for name in business.FIELDS if (value := getattr(row, name))}
    return {"business": section} if section else {}


def _devices(variables: _Variables) -> list[dict[str, Any]]:
    return [
        {
            "name": device.name,
            "entry_agent": device.entry_agent.name,
            "quiet_s": _number(device.quiet_s),
            "max_wait_s": _number(device.max_wait_s),
            "max_messages": device.max_messages,
            "freshness_s": _number(device.freshness_s),
            "route_key": None,
            "receives": {
                "groups": device.groups,
                "files": device.kept_files,
                "file_max_mb": device.file_max_mb,
                "sound_max_s": device.sound_max_s,
                "file_wait_s": device.file_wait_s,
            },
            "sends": {
                name: _number(value) if isinstance(value, float) else value
                for name in sending.FIELDS
                if (value := getattr(device, name)) is not None
            },
            "bridge": {
                "kind": "wuzapi",
                "base_url": device.bridge_base_url,
                "token_env": variables.name("device", device.name, "token"),
                "hmac_key_env": variables.name("device", device.name, "hmac_key"),
            },
        }
        for device in Device.objects.select_related("entry_agent").order_by("name")
        if device.entry_agent is not None
    ]
