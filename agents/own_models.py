"""The field of an agent's form for the models that it asks itself, beside that of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from agents.fallbacks import offered_keys, read_model
from agents.models import Agent
from agents.services import model_sources
from agents.services.model_sources import Origin, Source
from agents.validators import MAX_TIMEOUT_S, NO_EMBED, OWN_PURPOSES
from integrations.llm.types import Purpose
from integrations.models import ModelChoice
from knowledge.models import EmbeddingSpace

TIMEOUT_S = 20

_PARTS = ("credential", "model", "spare_credential", "spare_model", "timeout_s")

_WITHOUT: Mapping[str, Any] = {
    Purpose.CHAT: gettext_lazy("no model: the best passage is quoted"),
    Purpose.TRANSCRIBE: gettext_lazy("no model: voice notes are left to people"),
    Purpose.VISION: gettext_lazy("no model: images are left to people"),
}
_BY_RULES = gettext_lazy("no model: rules do it")

_ORIGINS: Mapping[str, tuple[Any, str]] = {
    Origin.AGENT: (gettext_lazy("this agent"), "good"),
    Origin.ANSWERS: (gettext_lazy("the model of its answers"), ""),
    Origin.TENANT: (gettext_lazy("the business"), ""),
    Origin.SHIPPED: (gettext_lazy("shipped default"), ""),
}


@dataclass(frozen=True)
class _Row:
    """One purpose on the page.

    Args:
        fields: labels with inputs; none where nothing can be chosen here.
    """

    title: str
    who: str
    origin: str
    tone: str
    text: str = ""
    fields: tuple[tuple[str, SafeString], ...] = ()
    is_open: bool = False


def say(purpose: Purpose, source: Source) -> str:
    """Return who does something, in words."""
    return source.who or str(_WITHOUT.get(purpose, _BY_RULES))


class OwnModelsWidget(forms.Widget):
    """A row for each purpose, which says who does it and where that was chosen.

    Attributes:
        keys: the credentials that can be chosen, with their names.
        answers: who writes the answers; chosen in another part of the form.
        inherited: who does what where no model is named here.
        embeds: the model that reads the documents.
    """

    keys: tuple[tuple[str, str], ...] = ()
    answers = Source("", Origin.SHIPPED)
    inherited: Mapping[Purpose, Source] = {}
    embeds = ""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> dict[str, dict[str, str]]:
        """Return what was typed, by purpose."""
        return {
            purpose.value: {
                part: str(data.get(f"{name}-{purpose}-{part}", "")).strip() for part in _PARTS
            }
            for purpose in OWN_PURPOSES
        }

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Take a form without any of the rows for one that empties none."""
        return not any(str(key).startswith(f"{name}-") for key in data)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the rows."""
        given: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
        rows = [
            self._told(Purpose.CHAT, self.answers, _("Chosen in the part above.")),
            *(self._row(name, purpose, _typed(given.get(purpose))) for purpose in OWN_PURPOSES),
            _Row(
                _("Read documents and questions"),
                self.embeds or _("the built-in model"),
                *_origin(Origin.TENANT if self.embeds else Origin.SHIPPED),
                text=str(NO_EMBED),
            ),
        ]
        return SafeString(render_to_string("agents/_own_models.html", {"rows": rows}))

    def _told(self, purpose: Purpose, source: Source, text: str) -> _Row:
        return _Row(_title(purpose), say(purpose, source), *_origin(source.origin), text=text)

    def _row(self, name: str, purpose: Purpose, typed: Mapping[str, str]) -> _Row:
        inherited = self.inherited.get(purpose, Source("", Origin.SHIPPED))
        key_names = dict(self.keys)
        own = typed["credential"] or typed["model"]
        key = key_names.get(typed["credential"], "")
        who = " · ".join(filter(None, (typed["model"], key))) if own else say(purpose, inherited)
        title = _title(purpose)

        def shown(part: str, widget: forms.Widget, label: str) -> tuple[str, SafeString]:
            field = f"{name}-{purpose}-{part}"
            attrs = {"id": f"id_{field}", "aria-label": f"{title}: {label}"}
            return label, widget.render(field, typed[part], attrs)

        as_now = ("", _("As now: %(who)s") % {"who": say(purpose, inherited)})
        first = UnfoldAdminSelectWidget(choices=[as_now, *self.keys])
        spare = UnfoldAdminSelectWidget(choices=[("", _("Nobody")), *self.keys])
        limit = UnfoldAdminIntegerFieldWidget(attrs={"min": 1, "max": MAX_TIMEOUT_S})
        return _Row(
            title,
            who,
            *_origin(Origin.AGENT if own else inherited.origin),
            fields=(
                shown("credential", first, _("Credential")),
                shown("model", _model_input(), _("Model")),
                shown("spare_credential", spare, _("Credential when the first fails")),
                shown("spare_model", _model_input(), _("Model when the first fails")),
                shown("timeout_s", limit, _("Time limit (s)")),
            ),
            is_open=any(
                bool(typed[f"{which}credential"]) != bool(typed[f"{which}model"])
                for which in ("", "spare_")
            ),
        )


def _model_input() -> forms.Widget:
    # What is known of the keys stands on the page once, beside the model of the answers.
    found: forms.Widget = UnfoldAdminTextInputWidget(attrs={"list": "chat_model_known"})
    return found


def _title(purpose: Purpose) -> str:
    return str(capfirst(str(ModelChoice.PurposeKind(purpose).label)))


def _origin(origin: Origin) -> tuple[str, str]:
    name, tone = _ORIGINS[origin]
    return str(name), tone


def _typed(one: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Return a row as it is typed; stored it has a list of fallbacks instead of a second model."""
    if one is None:
        return {**dict.fromkeys(_PARTS, ""), "timeout_s": str(TIMEOUT_S)}
    if "fallbacks" not in one:
        return one
    spare = next(iter(one["fallbacks"]), {"credential": "", "model": ""})
    return {
        "credential": one["credential"],
        "model": one["model"],
        "spare_credential": spare["credential"],
        "spare_model": spare["model"],
        "timeout_s": str(one["timeout_s"]),
    }


class OwnModelsField(forms.Field):
    """Models by purpose, as `agents.validators.validate_purposes` takes them."""

    widget = OwnModelsWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.providers: Mapping[str, str] = {}

    def offer(self, agent: Agent) -> None:
        """Read which keys and models can be chosen, and what the agent has without."""
        widget: Any = self.widget
        stored = [
            one
            for chosen in agent.purposes.values()
            for one in (chosen, *chosen.get("fallbacks", ()))
        ]
        self.providers, widget.keys = offered_keys(stored)
        widget.answers = model_sources.answers(agent)
        widget.inherited = model_sources.inherited(agent)
        space = EmbeddingSpace.objects.filter(status=EmbeddingSpace.Status.ACTIVE)
        found = space.select_related("credential").first()
        if found is not None and found.credential is not None:
            widget.embeds = model_sources.named(found.credential, found.model)

    def clean(self, value: Any) -> dict[str, Any]:
        """Return the rows that were filled.

        Raises:
            ValidationError: a row lacks its credential, its model or a right time limit.
        """
        found = {}
        for name, typed in (value or {}).items():
            title = _title(Purpose(name))
            first = self._model(typed["credential"], typed["model"], where=title)
            where = _("%(what)s, when it fails") % {"what": title}
            spare = self._model(typed["spare_credential"], typed["spare_model"], where=where)
            if first is None:
                if spare is not None:
                    raise ValidationError(_("%(where)s: choose the credential.") % {"where": title})
                continue
            found[name] = {
                **first,
                "timeout_s": _seconds(typed["timeout_s"], where=title),
                "fallbacks": [spare] if spare is not None else [],
            }
        return found

    def _model(self, key: str, model: str, *, where: str) -> dict[str, str] | None:
        return read_model(key, model, providers=self.providers, where=where)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what the rows mean; a mistake in them is a change."""
        try:
            return bool((initial or {}) != self.clean(data))
        except ValidationError:
            return True


def _seconds(typed: str, *, where: str) -> int:
    seconds = int(typed) if typed.isdecimal() and len(typed) < 4 else 0
    if not typed:
        return TIMEOUT_S
    if not 1 <= seconds <= MAX_TIMEOUT_S:
        text = _("%(where)s: the time limit must be between 1 and %(most)s seconds.")
        raise ValidationError(text % {"where": where, "most": MAX_TIMEOUT_S})
    return seconds
