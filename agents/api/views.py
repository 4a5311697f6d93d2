"""Agents for programs: the draft is edited, and answers once it is published."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.shortcuts import get_object_or_404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.serializers import AgentData, Draft, Restore, Restored, VersionData
from agents.models import Agent, AgentVersion
from agents.services import editing, publishing, versions
from integrations.models import HttpTool
from knowledge.models import Category
from tenants.api.resources import Listed, Need, Resource, Retrieved
from tenants.api.scopes import Scope
from tenants.api.serializers import Input

READS = Need(Scope.AGENTS_READ, "agents.view_agent")
WRITES = Need(Scope.AGENTS_WRITE, "agents.change_agent")


class AgentFilters(Input):
    """Which agents."""

    kind = serializers.ChoiceField(choices=Agent.Kind.choices, required=False)
    is_active = serializers.BooleanField(required=False)


class Agents(Listed, Retrieved, Resource):
    """Agents: edits reach contacts only when they are published."""

    reads, writes = READS, WRITES
    needs = {"create": Need(Scope.AGENTS_WRITE, "agents.add_agent")}
    serializer_class = AgentData
    filters = AgentFilters
    ordering = ("name", "pk")
    is_sparse = has_etag = True
    conditional = Resource.conditional | {"publish", "restore"}

    def get_queryset(self) -> QuerySet[Agent]:
        """Return the agents, with what is shown of their links."""
        found = Agent.objects.select_related("published_version", "chat_credential")
        wanted = {name: self.known[name] for name in ("kind", "is_active") if name in self.known}
        # In one order, or their tag would change with nothing that it names.
        return found.filter(**wanted).prefetch_related(
            Prefetch("categories", Category.objects.order_by("pk")),
            Prefetch("handoffs", Agent.objects.order_by("pk")),
            Prefetch("tools", HttpTool.objects.order_by("pk")),
        )

    @extend_schema(responses={201: AgentData})
    def create(self, request: Request) -> Response:
        """Make an agent; it answers nobody before it is published."""
        values = self.taken(AgentData)
        made = editing.save_draft(agent=Agent(), values=values, actor=self.caller.actor)
        return self.shown(self.get_queryset().get(pk=made.pk), status=201)

    def partial_update(self, request: Request, uuid: uuid.UUID) -> Response:
        """Change the draft; what answers stays as it is."""
        with transaction.atomic():
            agent = self._held(uuid)
            values = self.taken(AgentData, instance=agent, partial=True)
            editing.save_draft(agent=agent, values=values, actor=self.caller.actor)
        return self.shown(self.get_queryset().get(pk=agent.pk))

    def _held(self, uuid: uuid.UUID) -> Agent:
        """Return an agent, locked, that is as the program believes it to be."""
        agent = get_object_or_404(Agent.objects.select_for_update(of=("self",)), uuid=uuid)
        self.unchanged(self.get_queryset().get(pk=agent.pk))
        return agent

    @extend_schema(request=None, responses=VersionData)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, uuid: uuid.UUID) -> Response:
        """Make the draft what answers; where it is that already, nothing happens."""
        with transaction.atomic():
            version, _is_new = publishing.ensure_published(
                agent=self._held(uuid), actor=self.caller.actor, now=timezone.now()
            )
        return Response(VersionData(version).data)

    @extend_schema(responses=Draft)
    @action(detail=True, methods=["get"])
    def draft(self, request: Request, uuid: uuid.UUID) -> Response:
        """Tell what publishing would change."""
        agent = self.get_object()
        current = agent.published_version
        now, before = publishing.snapshot(agent), current.snapshot if current else None
        found = versions.differences(before, now) if before is not None else ()
        is_published = publishing.is_published(agent)
        return Response(Draft({"is_published": is_published, "differences": found}).data)

    @extend_schema(request=Restore, responses=Restored)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, uuid: uuid.UUID) -> Response:
        """Make the agent what it was in one of its versions."""
        given = self.taken(Restore)
        with transaction.atomic():
            agent = self._held(uuid)
            version = get_object_or_404(agent.versions.all(), number=given["number"])
            done = versions.restore(
                version=version,
                publish=given["publish"],
                actor=self.caller.actor,
                now=timezone.now(),
            )
        agent = self.get_queryset().get(pk=agent.pk)
        return Response(Restored({"agent": agent, "left_out": done.left_out}).data)


class Versions(Resource):
    """What an agent was each time it was published, the newest first."""

    reads, writes = READS, WRITES
    serializer_class = VersionData
    ordering = ("-number", "-pk")

    def get_queryset(self) -> QuerySet[AgentVersion]:
        """Return the published versions of the agent of the address."""
        if getattr(self, "swagger_fake_view", False):
            return AgentVersion.objects.none()
        agent: Any = get_object_or_404(Agent, uuid=self.kwargs["agent_uuid"])
        return AgentVersion.objects.filter(agent=agent, is_published=True)

    def list(self, request: Request, agent_uuid: uuid.UUID) -> Response:
        """Answer with a page."""
        return self.list_of(self.get_queryset())
