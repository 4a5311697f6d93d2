"""The section `leads` of a blueprint: fields, score, stages and sources."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from django.core.exceptions import ValidationError
from pydantic import AfterValidator, Field, model_validator

from channels_whatsapp.models import Device
from config.blueprints.fields import EnvName, Name, Secret, Section, defined, refuse, used
from conversations.lead_rules import BUILT_IN, CUSTOM_KEY, DEFAULT_POINTS, MAX_POINTS
from conversations.models import LeadField, LeadSettings, LeadSource, LeadStage
from conversations.models.leads import MAX_CHOICES, MAX_FIELDS
from conversations.services import lead_fields, lead_sources

Points = Annotated[int, Field(ge=0, le=MAX_POINTS)]
BuiltIn = Literal["need", "budget", "authority", "timing", "name", "email", "phone", "company"]


def _is_key(key: str) -> str:
    if not CUSTOM_KEY.fullmatch(key) or key in BUILT_IN:
        raise refuse("2 to 30 small letters, digits or _, and none that there is")
    return key


class FieldSection(Section):
    """A field of the business's own."""

    key: Annotated[str, AfterValidator(_is_key)]
    label: str = Field(min_length=1, max_length=60)
    about: str = Field("", max_length=200)
    choices: list[Annotated[str, Field(min_length=1, max_length=60)]] = Field(
        [], max_length=MAX_CHOICES
    )
    points: Points = 0
    is_active: bool = True


class StageSection(Section):
    """A column of the board."""

    name: str = Field(min_length=1, max_length=40)
    kind: Literal["open", "qualified", "won", "lost"] = "open"


class SourceSection(Section):
    """A form or system that brings leads in."""

    name: Annotated[Name, AfterValidator(defined("lead_source"))]
    device: Annotated[str, AfterValidator(used("device"))]
    secret: Secret | None = Field(None, repr=False)
    secret_env: EnvName | None = None
    first_message: str = Field("", max_length=1_000)
    fields: dict[str, str] = {}
    is_active: bool = True

    @model_validator(mode="after")
    def _check(self) -> SourceSection:
        self.one_of("secret", required=True)
        return self


class LeadsSection(Section):
    """What is found out about leads and what becomes of them."""

    qualified_from: int = Field(60, ge=0, le=100)
    points: dict[BuiltIn, Points] = {}
    fields: list[FieldSection] = Field([], max_length=MAX_FIELDS)
    stages: list[StageSection] = []
    sources: list[SourceSection] = []

    @model_validator(mode="after")
    def _check(self) -> LeadsSection:
        for what, names in (
            ("field", [one.key for one in self.fields]),
            ("stage", [one.name for one in self.stages]),
        ):
            if len(set(names)) < len(names):
                raise refuse(f"there is more than one {what} of the same name")
        if self.stages and self.stages[0].kind != "open":
            raise refuse("the first stage is of kind open: new leads stand there")
        return self


def apply(section: LeadsSection | None, *, note: Callable[[str, bool, list[str]], None]) -> None:
    """Write what is given; none of what is not is removed. Joins the caller's transaction.

    Raises:
        BadSource: a first message that cannot be used.
    """
    if section is None:
        return
    given: dict[str, int] = {str(key): points for key, points in section.points.items()}
    wanted = {**DEFAULT_POINTS, **given}
    changed = lead_fields.save(points=wanted, qualified_from=section.qualified_from)
    if changed:
        note("leads", False, changed)
    for place, field in enumerate(section.fields):
        values: dict[str, Any] = {**field.model_dump(exclude={"key"}), "position": place}
        _write(LeadField, {"key": field.key}, values, name=f"lead field {field.key}", note=note)
    for place, stage in enumerate(section.stages):
        values = {"kind": stage.kind, "position": place}
        _write(LeadStage, {"name": stage.name}, values, name=f"stage {stage.name}", note=note)
    if section.stages:
        others = LeadStage.objects.exclude(name__in=[one.name for one in section.stages])
        others.update(position=len(section.stages))
    lead_fields.changed_here()
    devices = dict(Device.objects.values_list("name", "uuid"))
    for one in section.sources:
        ensured = lead_sources.ensure_source(
            name=one.name,
            account_ref=devices[one.device],
            first_message=one.first_message,
            fields=one.fields,
            secret=one.reveal("secret"),
            is_active=one.is_active,
        )
        note(f"lead source {one.name}", ensured.created, list(ensured.changed))


def _write(
    model: type[LeadField] | type[LeadStage],
    key: dict[str, str],
    values: dict[str, Any],
    *,
    name: str,
    note: Callable[[str, bool, list[str]], None],
) -> None:
    row = model._default_manager.filter(**key).first()
    is_new = row is None
    row = row or model(**key)
    fields = [one for one, value in values.items() if getattr(row, one) != value]
    if not (is_new or fields):
        return
    for one in fields:
        setattr(row, one, values[one])
    try:
        row.full_clean()
    except ValidationError as error:
        raise lead_sources.BadSource("; ".join(error.messages)) from error
    row.save()
    note(name, is_new, [] if is_new else fields)


def export(variable: Callable[..., str]) -> dict[str, Any] | None:
    """Return the section for the current tenant; None where nothing was ever set.

    Args:
        variable: makes the name of an environment variable of some words.
    """
    row = LeadSettings.objects.first()
    found: dict[str, Any] = {}
    if row is not None:
        found["qualified_from"] = row.qualified_from
        if row.points:
            found["points"] = row.points
    if fields := [_field(one) for one in LeadField.objects.order_by("position", "pk")]:
        found["fields"] = fields
    if stages := list(LeadStage.objects.order_by("position", "pk").values("name", "kind")):
        found["stages"] = stages
    if sources := _sources(variable):
        found["sources"] = sources
    return found or None


def _field(field: LeadField) -> dict[str, Any]:
    entry: dict[str, Any] = {"key": field.key, "label": field.label}
    for name in ("about", "choices", "points"):
        if value := getattr(field, name):
            entry[name] = value
    return entry if field.is_active else {**entry, "is_active": False}


def _sources(variable: Callable[..., str]) -> list[dict[str, Any]]:
    devices = dict(Device.objects.values_list("uuid", "name"))
    exported = []
    for source in LeadSource.objects.order_by("name"):
        if source.account_ref not in devices:
            continue
        entry: dict[str, Any] = {
            "name": source.name,
            "device": devices[source.account_ref],
            "secret_env": variable("lead_source", source.name, "secret"),
        }
        for name in ("first_message", "fields"):
            if value := getattr(source, name):
                entry[name] = value
        exported.append(entry if source.is_active else {**entry, "is_active": False})
    return exported
