# deploy: after - code of the last release still reads the column.
from django.db import migrations


class Migration(migrations.Migration):
    """What it kept has tables of its own; it had no other reader."""

    dependencies = [
        ("tenants", "0003_inboxentry_line"),
    ]

    operations = [
        migrations.RemoveField(
            model_name="tenant",
            name="blueprint_extras",
        ),
    ]
