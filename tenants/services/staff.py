"""People who work in a tenant's admin, and what their roles allow; all in the current schema."""

from __future__ import annotations

from enum import StrEnum

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from tenants.errors import DomainError


class Role(StrEnum):
    """What a member of staff is; each is a group of Django's auth."""

    OWNER = "owner"
    MANAGER = "manager"
    ATTENDANT = "attendant"
    AUDITOR = "auditor"


class UnknownRole(DomainError):
    """There is no such role; use owner, manager, attendant or auditor."""

    code = "unknown_role"
    http_status = 422


_TENANT_APPS = (
    "api",
    "integrations",
    "prices",
    "knowledge",
    "agents",
    "conversations",
    "channels_whatsapp",
    "channels_chatwoot",
    "channels_web",
)
_CONVERSATION_CHANGES = (
    "conversations.change_conversation",
    "conversations.change_contact",
    "conversations.change_lead",
)


def ensure_roles() -> None:
    """Create the four groups with their permissions; safe to repeat after each migration."""
    tenant = Permission.objects.filter(content_type__app_label__in=_TENANT_APPS)
    views = Permission.objects.filter(codename__startswith="view_")
    own_views = views.filter(content_type__app_label__in=(*_TENANT_APPS, "audit"))
    users = Permission.objects.filter(
        content_type__app_label="auth", content_type__model__in=("user", "group")
    )
    granted = {
        Role.OWNER: tenant | own_views | users,
        Role.MANAGER: tenant | own_views,
        Role.ATTENDANT: own_views.filter(content_type__app_label__in=("agents", "conversations"))
        | Permission.objects.filter(
            content_type__app_label="conversations",
            codename__in=[name.partition(".")[2] for name in _CONVERSATION_CHANGES],
        ),
        Role.AUDITOR: own_views,
    }
    for role, permissions in granted.items():
        group, _ = Group.objects.get_or_create(name=role)
        group.permissions.set(permissions.distinct())


def ensure_user(
    *, username: str, email: str, role: str, password: str | None, is_operator: bool = False
) -> tuple[User, list[str]]:
    """Create or update a member of staff; with the names of what changed, `user` for a new one.

    Args:
        role: one of `Role`; ignored for an operator.
        password: None keeps the one there is.
        is_operator: a platform operator, in schema `public`, with every right.

    Raises:
        UnknownRole: no such role.
    """
    if not is_operator and role not in set(Role):
        raise UnknownRole
    with transaction.atomic():
        user, created = User.objects.select_for_update().get_or_create(
            username=username, defaults={"email": email, "is_staff": True}
        )
        changed = ["user"] if created else []
        if user.email != email:
            changed.append("email")
        if (user.is_staff, user.is_superuser) != (True, is_operator):
            changed.append("access")
        user.email, user.is_staff, user.is_superuser = email, True, is_operator
        if password is not None and not user.check_password(password):
            user.set_password(password)
            changed.append("password")
        if changed:
            user.save()
        if not is_operator and list(user.groups.values_list("name", flat=True)) != [role]:
            user.groups.set([Group.objects.get(name=role)])
            changed.append("role")
    return user, changed
