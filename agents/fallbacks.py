"""The field of an agent's form for the models that are asked when its own one fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from integrations.llm.types import Provider
from integrations.models import Credential
from integrations.services import credentials
from tenants.widgets import SuggestingInput

MAX_FALLBACKS = 5


def offered_keys(
    stored: Iterable[object],
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Return the providers of the credentials that there are, and all that can be chosen by name.

    Args:
        stored: models that were chosen; a key of them that is gone can still be seen and replaced.
    """
    rows = Credential.objects.order_by("name", "pk").values_list("uuid", "name", "provider")
    providers = {str(uuid): provider for uuid, _name, provider in rows}
    names = {str(uuid): name for uuid, name, _provider in rows}
    for one in stored:
        ref = str(one.get("credential") or "") if isinstance(one, Mapping) else ""
        if ref:
            names.setdefault(ref, gettext("a credential that is gone"))
    return providers, tuple(names.items())


def read_model(
    key: str, model: str, *, providers: Mapping[str, str], where: str
) -> dict[str, str] | None:
    """Return a model as it is stored; None where nothing was typed.

    Args:
        key: uuid of a credential.
        where: the row, for what is refused.

    Raises:
        ValidationError: the credential or the model is missing, or the credential is gone.
    """
    if not key and not model:
        return None
    named = {"where": where}
    if not key:
        raise ValidationError(_("%(where)s: choose the credential.") % named)
    if key not in providers:
        raise ValidationError(_("%(where)s: this credential is gone; choose another one.") % named)
    if providers[key] == Provider.OFFLINE:
        model = ""
    elif not model:
        raise ValidationError(_("%(where)s: name the model.") % named)
    if len(model) > 120:
        raise ValidationError(_("%(where)s: the name of the model is too long.") % named)
    return {"credential": key, "model": model}


class FallbackRows(forms.MultiWidget):
    """A row for each model: whose key, and which model."""

    def __init__(self) -> None:
        widgets: list[forms.Widget] = []
        for _row in range(MAX_FALLBACKS):
            widgets += [UnfoldAdminSelectWidget(), SuggestingInput()]
        super().__init__(widgets)

    def offer(
        self, keys: Sequence[tuple[str, str]], suggestions: Iterable[tuple[str, str]]
    ) -> None:
        """Fill the choices of all rows."""
        models = list(suggestions)
        for place, widget in enumerate(self.widgets):
            inner: Any = widget
            if place % 2:
                inner.suggestions = models
            else:
                inner.choices = [("", "---------"), *keys]

    def decompress(self, value: Any) -> list[str]:
        """Return a stored list as the values of the rows, one after another."""
        rows = value if isinstance(value, list) else []
        flat = [
            str(row.get(name) or "")
            for row in rows[:MAX_FALLBACKS]
            if isinstance(row, Mapping)
            for name in ("credential", "model")
        ]
        return flat + [""] * (2 * MAX_FALLBACKS - len(flat))

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        """Return the rows; those that are empty after the first of them are folded away."""
        given = value if isinstance(value, list) else []
        typed = bool(given) and not isinstance(given[0], Mapping)  # as it was sent, not as stored
        flat = given if typed else self.decompress(given)
        rows = [
            {
                "number": place + 1,
                "key": self._part(name, 2 * place, flat, _("Credential %(n)s")),
                "model": self._part(name, 2 * place + 1, flat, _("Model %(n)s")),
            }
            for place in range(MAX_FALLBACKS)
        ]
        n_used = max((place // 2 + 1 for place, part in enumerate(flat) if part), default=0)
        return render_to_string(
            "agents/_fallbacks.html", {"shown": rows[: n_used + 1], "more": rows[n_used + 1 :]}
        )

    def _part(self, name: str, place: int, flat: Sequence[str], label: Any) -> SafeString:
        attrs = {"aria-label": str(label) % {"n": place // 2 + 1}, "id": f"id_{name}_{place}"}
        return self.widgets[place].render(f"{name}_{place}", flat[place], attrs)


class FallbacksField(forms.Field):
    """A list of ``{"credential": uuid, "model": name}``, typed as rows; empty rows are left out."""

    widget = FallbackRows

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)

    def offer(self, stored: Any) -> None:
        """Read which keys and models can be chosen.

        Args:
            stored: the list there is; a key of it that is gone can still be seen and replaced.
        """
        self.providers, keys = offered_keys(stored if isinstance(stored, list) else [])
        rows_widget: Any = self.widget
        rows_widget.offer(keys, credentials.suggestions())

    def clean(self, value: Any) -> list[dict[str, str]]:
        """Return the rows that were filled.

        Raises:
            ValidationError: a row lacks its credential or its model, or its credential is gone.
        """
        flat = [str(part or "").strip() for part in value or []]
        found = []
        for place in range(0, len(flat) - 1, 2):
            where = gettext("Row %(n)s") % {"n": place // 2 + 1}
            one = read_model(flat[place], flat[place + 1], providers=self.providers, where=where)
            if one is not None:
                found.append(one)
        return found

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare what the rows mean; a mistake in them is a change."""
        try:
            return bool((initial or []) != self.clean(data))
        except ValidationError:
            return True
