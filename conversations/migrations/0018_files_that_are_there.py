# deploy: before - rows of a table, in a column that the code of the last release leaves alone.
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def keep_what_is_there(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Keep all files of who had some before they were ever deleted; who has none begins with 180.

    The row may be missing: it is made when something is changed.
    """
    files = ("Attachment", "OutboundFile")
    if any(apps.get_model("conversations", name).objects.exists() for name in files):
        rows = apps.get_model("conversations", "ConversationSettings").objects
        rows.get_or_create(pk=1)
        rows.filter(keep_files_days=180).update(keep_files_days=0)  # nobody has chosen that yet


class Migration(migrations.Migration):
    dependencies = [("conversations", "0017_followed")]

    operations = [migrations.RunPython(keep_what_is_there, migrations.RunPython.noop)]
