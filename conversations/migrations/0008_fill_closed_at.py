from django.db import migrations
from django.db.models import F
from django.db.models.functions import Coalesce


def fill(apps, schema_editor):
    conversations = apps.get_model("conversations", "Conversation").objects
    conversations.filter(status="archived", closed_at=None).update(
        closed_at=Coalesce(F("mode_changed_at"), F("last_message_at"))
    )


class Migration(migrations.Migration):
    """Archived conversations from before there was an instant of their end."""

    dependencies = [("conversations", "0007_memory_and_archive")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
