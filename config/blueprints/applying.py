"""Making a tenant what its blueprint says: creates and updates, never removes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import transaction
from django_tenants.utils import tenant_context

from agents.models import Agent
from agents.services import guarding, publishing
from channels_whatsapp.models import Device
from channels_whatsapp.services import devices, reception, sending, servers
from config.blueprints import (
    applying_agents,
    applying_llm,
    applying_people,
    chatwoot,
    conversations,
    hours,
    leads,
    mcp_servers,
    overwriting,
    tools,
    web_chats,
    webhooks,
)
from config.blueprints.chatwoot import ChatwootSection
from config.blueprints.loading import BadBlueprint
from config.blueprints.schema import (
    AgentSection,
    Blueprint,
    DeviceSection,
)
from config.blueprints.schema_llm import ChatSection, CredentialSection
from config.blueprints.web_chats import WebChatSection
from integrations.models import Credential
from integrations.services import credentials
from knowledge.models import Category, Document
from knowledge.services import documents, spaces, versions
from tenants import remembering
from tenants.audit.record import record
from tenants.models import Domain, InboundRoute, Tenant
from tenants.services import tenants

ACTOR = "apply_blueprint"

MAX_CHANGES = 200
"""Lines that the audit trail keeps of what one file has changed."""


@dataclass
class Applied:
    """What an apply did.

    Attributes:
        changes: one line each; empty when the tenant already was what the file says.
    """

    tenant: Tenant
    changes: list[str] = field(default_factory=list)
    agent_ids: list[int] = field(default_factory=list)
    device_ids: list[int] = field(default_factory=list)
    document_ids: list[int] = field(default_factory=list)

    def note(self, what: str, *, is_new: bool, fields: list[str]) -> None:
        """Add a line on `what`, if anything changed."""
        if is_new:
            self.changes.append(f"{what}: created")
        elif fields:
            self.changes.append(f"{what}: changed {', '.join(fields)}")

    def noted(self, what: str, is_new: bool, fields: list[str]) -> None:
        """Do the same for those who hand this on."""
        self.note(what, is_new=is_new, fields=fields)


def apply(
    blueprint: Blueprint,
    *,
    folder: Path,
    now: datetime,
    actor: str = ACTOR,
    key: str | None = None,
) -> Applied:
    """Create or update the tenant of a checked blueprint; doing it twice changes nothing.

    Everything inside the tenant is written in one transaction. Speaks to no network: `provision`
    does that afterwards. What people had set since the last apply and the file sets otherwise is
    told beside what changed.

    Args:
        folder: where the file lies; its documents are read from there.
        actor: for the audit trail, where those who work there see whose file it was.
        key: the uuid of the API key that came with it, if one did.

    Raises:
        BadBlueprint: it collides with another tenant of this installation; nothing was written.
        DomainError: a service refused a value that the file's checks let through.
    """
    _check_neighbours(blueprint)
    known = _known(blueprint)
    last = overwriting.last(known) if known else {}
    before = overwriting.digests(known) if known else {}
    applied = _apply_tenant(blueprint)
    with tenant_context(applied.tenant), transaction.atomic():
        # Two applies of one tenant wait for each other here.
        Tenant.objects.select_for_update().get(pk=applied.tenant.pk)
        applying_people.apply_users(
            blueprint.users, note=applied.noted, tell=applied.changes.append
        )
        by_name = _apply_credentials(blueprint.llm.credentials, applied)
        _apply_embed(blueprint, applied, credentials=by_name, now=now)
        applying_llm.apply_purposes(blueprint.llm, credentials=by_name, note=applied.noted)
        applying_llm.apply_prices(blueprint.llm, note=applied.noted)
        applying_llm.apply_saving(blueprint.llm, note=applied.noted)
        applying_agents.apply_business(blueprint.business, note=applied.noted)
        categories = _apply_knowledge(blueprint, applied, folder=folder, now=now)
        if blueprint.guards is not None and guarding.save(checks=blueprint.guards):
            applied.note("guards", is_new=False, fields=sorted(blueprint.guards) or ["all"])
        tool_ids = tools.apply(blueprint.tools, note=applied.noted)
        tool_ids |= mcp_servers.apply(blueprint.mcp_servers, note=applied.noted, now=now)
        agents = _apply_agents(
            blueprint, applied, credentials=by_name, categories=categories, tool_ids=tool_ids
        )
        applying_people.apply_queues(blueprint.agents, agents=agents, note=applied.noted)
        applying_llm.apply_budgets(blueprint.llm, agents=agents, note=applied.noted)
        conversations.apply(blueprint.conversations, note=applied.noted)
        hours.apply(blueprint.hours, actor=ACTOR, note=applied.noted)
        _publish(agents, applied, now=now)
        for section in blueprint.devices:
            _apply_device(section, applied, entry_agent=agents[section.entry_agent], now=now)
        chatwoot.apply(blueprint.chatwoot, agents=agents, actor=ACTOR, note=applied.noted, now=now)
        web_chats.apply(
            blueprint.web_chats, agents=agents, actor=ACTOR, note=applied.noted, now=now
        )
        webhooks.apply(blueprint.webhooks, note=applied.noted, now=now)
        leads.apply(blueprint.leads, note=applied.noted)
        after = overwriting.keep(applied.tenant, now=now)
        applied.changes += overwriting.lines(last=last, before=before, after=after)
        _record(applied, actor=actor, key=key)
    return applied


def rehearse(blueprint: Blueprint, *, folder: Path, now: datetime) -> list[str]:
    """Return what `apply` would change, a line each, and leave everything as it is.

    Raises:
        BadBlueprint, DomainError: as `apply` would.
    """
    tenant = _known(blueprint)
    if tenant is None:
        # A schema is not made for a look.
        _check_neighbours(blueprint)
        return [f"tenant {blueprint.tenant.slug}: created, with all that the file says"]
    with transaction.atomic():
        applied = apply(blueprint, folder=folder, now=now)
        transaction.set_rollback(True)
    with tenant_context(tenant):
        remembering.forget_here()  # this process has read what was never committed
    return applied.changes


def provision(applied: Applied) -> None:
    """Have a worker tell the bridge about each device.

    A worker and not this process: what it may reach is the installation's setting.
    """
    with tenant_context(applied.tenant):
        for device in Device.objects.filter(pk__in=applied.device_ids).order_by("pk"):
            devices.ask_to_provision(device=device)


def unprovisioned(applied: Applied) -> list[str]:
    """Return a line on each device that no bridge has taken so far, with the reason if known."""
    with tenant_context(applied.tenant):
        found = Device.objects.filter(
            pk__in=applied.device_ids, state=Device.State.UNKNOWN, is_enabled=True
        )
        return [
            f"device {device.name}: {device.state_detail or 'the bridge has not answered yet'}"
            for device in found.order_by("pk")
        ]


def document_states(applied: Applied) -> list[Document]:
    """Return the documents of the file as they are now, without their bytes."""
    with tenant_context(applied.tenant):
        found = Document.objects.filter(pk__in=applied.document_ids)
        return list(found.select_related("category").order_by("category__name", "name"))


def summary(applied: Applied) -> dict[str, Any]:
    """Return everything that a program needs to go on from here, JSON-safe."""
    tenant = applied.tenant
    domains = Domain.objects.filter(tenant=tenant).order_by("-is_primary", "domain")
    with tenant_context(tenant):
        agents = Agent.objects.filter(pk__in=applied.agent_ids).order_by("pk")
        routes = dict(
            InboundRoute.objects.filter(schema_name=tenant.schema_name).values_list(
                "device_ref", "route_key"
            )
        )
        return {
            "tenant": {
                "uuid": str(tenant.uuid),
                "slug": tenant.slug,
                "schema": tenant.schema_name,
            },
            "domains": list(domains.values_list("domain", flat=True)),
            "agents": [{"name": agent.name, "uuid": str(agent.uuid)} for agent in agents],
            "devices": [
                {
                    "name": device.name,
                    "uuid": str(device.uuid),
                    "webhook_url": devices.webhook_url(device),
                    "route_key": routes[device.uuid],
                }
                for device in Device.objects.filter(pk__in=applied.device_ids).order_by("pk")
            ],
            "chatwoot": chatwoot.addresses(),
            "web_chats": web_chats.addresses(domain=domains[0].domain),
            "documents": [
                {
                    "name": document.name,
                    "category": document.category.name,
                    "uuid": str(document.uuid),
                    "status": document.status,
                    "version": document.version,
                    "n_chunks": document.n_chunks,
                    "failure_reason": document.failure_reason,
                }
                for document in document_states(applied)
            ],
            "changes": applied.changes,
        }


def _record(applied: Applied, *, actor: str, key: str | None) -> None:
    if not applied.changes:
        return
    data: dict[str, object] = {
        "n_changes": len(applied.changes),
        "changes": applied.changes[:MAX_CHANGES],
    }
    if key is not None:
        data["key"] = key
    target = f"tenant {applied.tenant.uuid}"
    record(action="blueprint.applied", actor=actor, target=target, data=data)


def _check_neighbours(blueprint: Blueprint) -> None:
    """Refuse what belongs to another tenant, before anything is written."""
    problems = []
    schema_name = f"t_{blueprint.tenant.slug}"
    same_slug = Tenant.objects.filter(slug=blueprint.tenant.slug).first()
    if same_slug is not None and same_slug.schema_name != schema_name:
        problems.append(f'tenant.slug: "{blueprint.tenant.slug}" is taken')
    taken = set(
        Domain.objects.filter(domain__in=blueprint.tenant.domains)
        .exclude(tenant__schema_name=schema_name)
        .values_list("domain", flat=True)
    )
    problems += [
        f'tenant.domains[{position}]: "{domain}" is used by another tenant'
        for position, domain in enumerate(blueprint.tenant.domains)
        if domain in taken
    ]
    keys = [one.route_key for _, _, one in _with_routes(blueprint) if one.route_key]
    taken = set(
        InboundRoute.objects.filter(route_key__in=keys)
        .exclude(schema_name=schema_name)
        .values_list("route_key", flat=True)
    )
    problems += [
        f"{place}[{position}].route_key: is used by another tenant"
        for place, position, one in _with_routes(blueprint)
        if one.route_key in taken
    ]
    if problems:
        raise BadBlueprint(problems)


_WithRoute = DeviceSection | ChatwootSection | WebChatSection


def _with_routes(blueprint: Blueprint) -> list[tuple[str, int, _WithRoute]]:
    return [
        *(("devices", position, one) for position, one in enumerate(blueprint.devices)),
        *(("chatwoot", position, one) for position, one in enumerate(blueprint.chatwoot)),
        *(("web_chats", position, one) for position, one in enumerate(blueprint.web_chats)),
    ]


def _known(blueprint: Blueprint) -> Tenant | None:
    """Return the tenant of a file; None where it is still to be made, or completed."""
    return Tenant.objects.complete().filter(schema_name=f"t_{blueprint.tenant.slug}").first()


def _apply_tenant(blueprint: Blueprint) -> Applied:
    section = blueprint.tenant
    tenant = _known(blueprint)
    is_new = tenant is None
    if tenant is None:
        tenant = tenants.create_tenant(
            slug=section.slug,
            name=section.name,
            domains=section.domains,
            timezone=section.timezone,
            language=section.language,
            actor=ACTOR,
        )
    changed = tenants.update_tenant(
        tenant=tenant,
        actor=ACTOR,
        domains=section.domains,
        name=section.name,
        timezone=section.timezone,
        language=section.language,
    )
    applied = Applied(tenant=tenant)
    applied.note(f"tenant {section.slug}", is_new=is_new, fields=changed)
    return applied


def _apply_credentials(
    sections: list[CredentialSection], applied: Applied
) -> dict[str, Credential]:
    by_name = {}
    for section in sections:
        api_key = section.reveal("api_key")
        ensured = credentials.ensure_credential(
            name=section.name,
            provider=section.provider,
            base_url=section.base_url or "",
            api_key="" if api_key in {None, "none"} else api_key,
        )
        applied.note(
            f"credential {section.name}", is_new=ensured.created, fields=list(ensured.changed)
        )
        by_name[section.name] = ensured.credential
    return by_name


def _apply_embed(
    blueprint: Blueprint, applied: Applied, *, credentials: dict[str, Credential], now: datetime
) -> None:
    """Have the named embedding model prepared; a worker switches to it when it is ready."""
    if "embed" not in blueprint.llm.model_fields_set:
        return  # what was chosen in the admin stays
    section = blueprint.llm.embed
    space, changed = spaces.ensure_space(
        credential=None if section.credential is None else credentials[section.credential],
        model=section.model or "",
        now=now,
        actor=ACTOR,
    )
    applied.note(
        f"embedding model {space.model}", is_new=False, fields=["prepared now"] if changed else []
    )


def _apply_knowledge(
    blueprint: Blueprint, applied: Applied, *, folder: Path, now: datetime
) -> dict[str, Category]:
    by_name = {}
    for section in blueprint.knowledge.categories:
        is_new = not Category.objects.filter(name=section.name).exists()
        category = documents.ensure_category(name=section.name)
        applied.note(f"category {section.name}", is_new=is_new, fields=[])
        for path, entry in section.files(folder).items():
            stored = documents.store_document(
                category=category, name=path.name, content=path.read_bytes(), now=now
            )
            applied.document_ids.append(stored.document.pk)
            if stored.restored:
                applied.changes.append(f"document {section.name}/{path.name}: out of the bin")
            if stored.changed:
                version = stored.document.version
                applied.changes.append(
                    f"document {section.name}/{path.name}: version {version} stored"
                )
            if entry.sets_days and versions.set_validity(
                document=stored.document,
                valid_from=entry.valid_from,
                valid_until=entry.valid_until,
                now=now,
            ):
                applied.changes.append(f"document {section.name}/{path.name}: days of validity")
        by_name[section.name] = category
    return by_name


def _apply_agents(
    blueprint: Blueprint,
    applied: Applied,
    *,
    credentials: dict[str, Credential],
    categories: dict[str, Category],
    tool_ids: dict[str, int],
) -> dict[str, Agent]:
    """Write the agents without publishing: first the rows, then what connects them."""
    agents, notes = {}, {}
    for section in blueprint.agents:
        chat = section.chat or (None if section.kind == "human" else blueprint.llm.chat)
        agent = Agent.objects.select_for_update(of=("self",)).filter(name=section.name).first()
        is_new = agent is None
        agent = agent or Agent(name=section.name)
        wanted = _agent_fields(section, chat, credentials)
        fields = [name for name, value in wanted.items() if getattr(agent, name) != value]
        for name in fields:
            setattr(agent, name, wanted[name])
        if is_new or fields:
            agent.save()
        agents[section.name] = agent
        notes[section.name] = (is_new, fields)
    for section in blueprint.agents:
        agent = agents[section.name]
        is_new, fields = notes[section.name]
        fields += _set_links(agent, "categories", [categories[n].pk for n in section.categories])
        fields += _set_links(agent, "handoffs", [agents[n].pk for n in section.handoffs])
        fields += _set_links(agent, "tools", [tool_ids[n] for n in section.tools])
        applied.agent_ids.append(agent.pk)
        applied.note(f"agent {section.name}", is_new=is_new, fields=fields)
    return agents


def _agent_fields(
    section: AgentSection, chat: ChatSection | None, credentials: dict[str, Credential]
) -> dict[str, Any]:
    fallbacks = chat.fallbacks if chat else []
    return {
        "kind": section.kind,
        "instructions": section.instructions,
        "keywords": section.keywords,
        "is_active": section.is_active,
        "outside_hours": section.outside_hours,
        "history": section.history,
        "leads": section.leads,
        "guards": section.guards,
        **applying_agents.persona_fields(section),
        "chat_credential": credentials[chat.credential] if chat else None,
        "chat_model": chat.model if chat else "",
        "timeout_s": chat.timeout_s if chat else ChatSection.model_fields["timeout_s"].default,
        "fallbacks": [applying_llm.ref(one, credentials) for one in fallbacks],
        "purposes": applying_llm.own_purposes(section.purposes, credentials),
        **applying_people.agent_fields(section),
    }


def _set_links(agent: Agent, name: str, wanted: list[int]) -> list[str]:
    links = getattr(agent, name)
    if set(links.values_list("pk", flat=True)) == set(wanted):
        return []
    links.set(wanted)
    return [name]


def _publish(agents: dict[str, Agent], applied: Applied, *, now: datetime) -> None:
    for name, agent in agents.items():
        version, is_new = publishing.ensure_published(agent=agent, actor=ACTOR, now=now)
        if is_new:
            applied.changes.append(f"agent {name}: version {version.number} published")


def _apply_device(
    section: DeviceSection, applied: Applied, *, entry_agent: Agent, now: datetime
) -> None:
    address = section.bridge.base_url
    if not Device.objects.filter(name=section.name, bridge_base_url=address.rstrip("/")).exists():
        # Else somebody of the tenant may have typed it, and the file be an export of that: such a
        # bridge must not get the platform's token. None is opened to other tenants by one's file.
        servers.ensure_server(base_url=address, is_open=False)
    device, changed = devices.ensure_device(
        name=section.name,
        entry_agent=entry_agent,
        quiet_s=section.quiet_s,
        max_wait_s=section.max_wait_s,
        max_messages=section.max_messages,
        freshness_s=section.freshness_s,
        route_key=section.route_key,
        bridge_base_url=section.bridge.base_url,
        bridge_token=section.bridge.reveal("token") or "",
        hmac_key=section.bridge.reveal("hmac_key") or "",
        now=now,
        actor=ACTOR,
    )
    applied.device_ids.append(device.pk)
    is_new = changed == ["device"]
    if (receives := section.receives) is not None:
        changed += reception.set_reception(
            device=device,
            edit=reception.ReceptionEdit(
                groups=receives.groups,
                kept_files=receives.files,
                file_max_mb=receives.file_max_mb,
                sound_max_s=receives.sound_max_s,
                file_wait_s=receives.file_wait_s,
            ),
            actor=ACTOR,
        )
    if (sends := section.sends) is not None:
        edit = sending.SendingEdit(**sends.model_dump())
        changed += sending.set_sending(device=device, edit=edit, actor=ACTOR)
    applied.note(f"device {section.name}", is_new=is_new, fields=[] if is_new else changed)
