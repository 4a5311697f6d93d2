"""The tenant as a file, over the API: read, tried and applied.

A file that comes from outside may name no variable of this server's environment, no file of its
disk and no other tenant: secrets come with the request, documents have addresses of their own.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.contrib.auth.models import User
from django.db import DataError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from channels_whatsapp.models import Device
from channels_whatsapp.services import devices
from config.blueprints import applying, exporting, loading
from tenants import remembering
from tenants.api.callers import Caller
from tenants.api.resources import Need, Resource
from tenants.api.scopes import Scope
from tenants.api.serializers import Input, Text
from tenants.models import Tenant

MAX_TEXT = 1_000_000

_OWNERS = "auth.change_user"
"""Who may: a file holds users and keys, so only who may edit those."""


@dataclass(frozen=True, slots=True)
class Done:
    """What an apply changed, or would have: a line each, and the two files compared."""

    changes: list[str]
    diff: str


class BlueprintData(serializers.Serializer[Any]):
    """The configuration as a file; secrets stand as names."""

    blueprint = serializers.CharField(help_text="YAML, version 1; see docs/blueprint.md.")


class BlueprintInput(Input):
    """A file to be applied."""

    blueprint = Text(max_length=MAX_TEXT, help_text="YAML, as it is read from here.")
    secrets = serializers.DictField(
        child=serializers.CharField(max_length=2000),
        required=False,
        default=dict,
        help_text="What the file names by `…_env`, by name.",
    )
    dry_run = serializers.BooleanField(
        default=False, help_text="Only tell what would change; nothing is written."
    )


class AppliedData(serializers.Serializer[Any]):
    """What changed, or would."""

    is_dry_run = serializers.BooleanField()
    changes = serializers.ListField(child=serializers.CharField())
    diff = serializers.CharField(allow_blank=True, help_text="Of the file before and after.")


class Blueprints(Resource):
    """The tenant as a file."""

    reads = Need(Scope.BLUEPRINT_READ, _OWNERS)
    writes = Need(Scope.BLUEPRINT_WRITE, _OWNERS)
    serializer_class = BlueprintData
    pagination_class = None

    @extend_schema(operation_id="blueprint_export", responses=BlueprintData)
    def retrieve(self, request: Request) -> Response:
        """Read the configuration as a file."""
        return Response({"blueprint": _exported(_tenant(), self.caller)})

    @extend_schema(operation_id="blueprint_apply", request=BlueprintInput, responses=AppliedData)
    def apply(self, request: Request) -> Response:
        """Apply a file: creates and updates, never removes. With `dry_run` the difference alone."""
        values = self.taken(BlueprintInput)
        done = apply(
            tenant=_tenant(),
            text=values["blueprint"],
            secrets=values["secrets"],
            is_dry_run=values["dry_run"],
            caller=self.caller,
            now=timezone.now(),
        )
        shown = {"is_dry_run": values["dry_run"], "changes": done.changes, "diff": done.diff}
        return Response(AppliedData(shown).data)


def apply(
    *,
    tenant: Tenant,
    text: str,
    secrets: Mapping[str, str],
    is_dry_run: bool,
    caller: Caller,
    now: datetime,
) -> Done:
    """Apply a file that came from outside to the tenant whose it is.

    Raises:
        BadBlueprint: it cannot be applied; nothing was written.
    """
    raw = _made_harmless(loading.read(text, is_foreign=True), tenant, secrets, caller)
    known = User.objects.values_list("username", flat=True) if caller.key else ()
    try:
        with TemporaryDirectory() as folder, transaction.atomic():
            blueprint = loading.checked(raw, folder=Path(folder), usernames=known)
            before = _exported(tenant, caller)
            applied = applying.apply(
                blueprint,
                folder=Path(folder),
                now=now,
                actor=caller.actor,
                key=None if caller.key is None else str(caller.key.uuid),
            )
            after = _exported(applied.tenant, caller)
            if is_dry_run:
                transaction.set_rollback(True)
            elif applied.changes:
                applying.provision(applied)
    except DataError as error:
        raise loading.BadBlueprint([_("a number is too large")]) from error
    if is_dry_run:
        remembering.forget_here()  # this process has read what was never committed
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), "now", "then", lineterm="", n=2
    )
    return Done(applied.changes, "\n".join(lines))


def _exported(tenant: Tenant, caller: Caller) -> str:
    """Return the tenant's file; a key, which may not write who works there, gets it without."""
    data = exporting.export(tenant)
    if caller.key is not None:
        data.pop("users")
    return exporting.as_yaml(data)


def _tenant() -> Tenant:
    schema: str = connection.schema_name  # type: ignore[attr-defined]
    tenant: Tenant = Tenant.objects.get(schema_name=schema)
    return tenant


def _made_harmless(
    raw: Any, tenant: Tenant, secrets: Mapping[str, str], caller: Caller
) -> dict[str, Any]:
    """Return a file's content with its secrets filled in and its documents left out.

    Raises:
        BadBlueprint: it is another tenant's, lacks a secret, or its sender may not.
    """
    if not isinstance(raw, dict):
        raise loading.BadBlueprint([_("the file: must be a mapping of keys to values")])
    if caller.key is not None and raw.get("users"):
        # Else a key for files could give itself an owner's password.
        text = _("users: a key changes nobody who works here; log in, or use the panel")
        raise loading.BadBlueprint([text])
    of_tenant = raw.get("tenant")
    if isinstance(of_tenant, dict):
        known = set(tenant.domains.values_list("domain", flat=True))
        if of_tenant.get("slug") != tenant.slug:
            raise loading.BadBlueprint([_("tenant.slug: this is another business's file")])
        named = of_tenant.get("domains")
        if not isinstance(named, list) or set(map(str, named)) != known:
            text = _("tenant.domains: they are changed by the platform's operators only")
            raise loading.BadBlueprint([text])
    problems = _keep_bridges(raw)
    filled: dict[str, Any] = _filled(raw, secrets, problems, path="")
    if problems:
        raise loading.BadBlueprint(problems)
    knowledge = filled.get("knowledge")
    if isinstance(knowledge, dict) and isinstance(knowledge.get("categories"), list):
        for one in knowledge["categories"]:
            if isinstance(one, dict):
                one.pop("documents", None)
    return filled


def _keep_bridges(raw: dict[str, Any]) -> list[str]:
    """Give the devices of a file the bridge that they have here; return what is wrong with them.

    An operator's file may name a bridge, which becomes the platform's and gets its token. A file
    that came from outside must not.
    """
    problems = []
    given = raw.get("devices")
    for n, one in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(one, dict) or not isinstance(one.get("bridge"), dict):
            continue  # refused, in words, by who reads it next
        address = str(one["bridge"].get("base_url", "")).rstrip("/")
        known = Device.objects.filter(name=str(one.get("name")), bridge_base_url=address).first()
        one.pop("route_key", None)
        if known is None:
            text = _("there is no such device on this bridge; make it under /devices/ first")
            problems.append(f"devices[{n}]: {text}")
            continue
        one["bridge"] = {
            "base_url": known.bridge_base_url,
            "token": known.bridge_token(),
            "hmac_key": devices.hmac_key(known),
        }
    return problems


def _filled(value: Any, secrets: Mapping[str, str], problems: list[str], *, path: str) -> Any:
    if isinstance(value, list):
        return [_filled(one, secrets, problems, path=f"{path}[{n}]") for n, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        here = f"{path}.{key}".lstrip(".")
        if isinstance(key, str) and key.endswith("_env"):
            if str(inner) in secrets:
                found[key.removesuffix("_env")] = secrets[str(inner)]
            else:
                problems.append(f"{here}: {_('give it under secrets')}: {inner}")
        else:
            found[key] = _filled(inner, secrets, problems, path=here)
    return found
