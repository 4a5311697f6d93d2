"""Logging in on the panel's page, as seldom as over the API: they are tries of one password."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from unfold.forms import AuthenticationForm

from tenants.api.callers import address_of
from tenants.api.throttling import TooManyRequests, spend_login


class LoginForm(AuthenticationForm):
    """Name and password; the settings of both sites name it."""

    def clean(self) -> dict[str, Any]:
        """Look who it is, unless it was tried too often.

        Raises:
            ValidationError: it is nobody, or too many tries.
        """
        username = self.cleaned_data.get("username")
        if username is not None and self.request is not None:
            try:
                spend_login(username=username, address=address_of(self.request), now=timezone.now())
            except TooManyRequests as error:
                text = _("These are too many tries to log in; wait a minute.")
                raise ValidationError(text, code="too_many_tries") from error
        found: dict[str, Any] = super().clean()
        return found
