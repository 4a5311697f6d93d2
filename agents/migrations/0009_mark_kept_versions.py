from django.db import migrations


def mark(apps, schema_editor):
    """Publishing always left a line in the audit trail, with the version's number."""
    entries = apps.get_model("audit", "AuditEntry").objects
    versions = apps.get_model("agents", "AgentVersion").objects
    tried = apps.get_model("agents", "Variant").objects.values("version")
    for version in versions.filter(pk__in=tried).select_related("agent"):
        told = entries.filter(
            action="agent.published",
            target=f"agent {version.agent.uuid}",
            data__version=version.number,
        )
        if not told.exists() and version.agent.published_version_id != version.pk:
            versions.filter(pk=version.pk).update(is_published=False)


class Migration(migrations.Migration):
    """What was kept for a comparison before there was a mark for it."""

    dependencies = [("agents", "0008_kept_versions"), ("audit", "0001_initial")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop)]
