"""Writing the audit trail."""

from __future__ import annotations

from tenants.audit.models import AuditEntry


def record(*, action: str, actor: str, target: str, data: dict[str, object]) -> AuditEntry:
    """Add one entry in the current schema; joins the caller's transaction.

    Args:
        action: what was done, such as ``"agent.published"``.
        actor: a user name, or the command that did it.
        target: what it was done to, such as ``"agent <uuid>"``; never personal data.
        data: JSON-safe details without secrets, message texts or phone numbers.
    """
    return AuditEntry.objects.create(action=action, actor=actor, target=target, data=data)
