"""The pages of API keys: made and shown once, cut down, revoked, and one's own alone."""

from __future__ import annotations

import re

from django.test import Client
from django.utils import timezone

from tenants.api import callers
from tenants.api.models import ApiKey
from tenants.api.refusals import Unauthenticated
from tenants.models import Tenant
from tests.admin.conftest import as_role

ADD = "/admin/api/apikey/add/"


def is_known(key: str, *, address: str = "203.0.113.9") -> bool:
    headers = {"Authorization": f"Bearer {key}"}
    try:
        callers.identify(headers=headers, address=address, now=timezone.now())
    except Unauthenticated:
        return False
    return True


def test_a_key_is_made_shown_once_cut_down_and_revoked(owner: Client, alpha: Tenant) -> None:
    form = {"name": "CRM", "scopes": ["agents:read", "leads:read"], "networks": "203.0.113.0/24"}
    wrong = owner.post(ADD, {**form, "networks": "home"})
    past = {"expires_at_0": "01/01/2020", "expires_at_1": "10:00:00"}
    late = owner.post(ADD, {**form, **past})
    made = owner.post(ADD, form, follow=True)
    found = re.search(r"prosa_[a-z0-9]{12}_[\w-]{43}", made.content.decode())
    assert found is not None
    page = f"/admin/api/apikey/{ApiKey.objects.get().pk}/change/"

    assert "home" in str(wrong.context["adminform"].form.errors)
    assert late.context["adminform"].form.errors.keys() == {"expires_at"}
    assert "203.0.113.0/24" in late.content.decode()
    assert is_known(found[0])
    assert not is_known(found[0], address="198.51.100.1")
    assert found[0] not in owner.get(page).content.decode()
    owner.post(page, {"name": "CRM", "scopes": ["leads:read"], "networks": "", "_save": ""})
    assert ApiKey.objects.get().scopes == ["leads:read"]
    assert is_known(found[0], address="198.51.100.1")
    # Another's key can be looked at, and no more, by who does not manage people.
    manager = as_role("manager")
    assert manager.get(page).status_code == 200
    assert manager.post(page, {"name": "mine", "scopes": ["agents:read"]}).status_code == 403
    assert as_role("attendant").get(page).status_code == 403
    owner.post(
        page, {"name": "CRM", "scopes": ["leads:read"], "networks": "", "api_apikey_revoke": "1"}
    )
    assert ApiKey.objects.get().revoked_at is not None
    assert not is_known(found[0])
