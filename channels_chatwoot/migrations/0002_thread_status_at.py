# deploy: before - a new column that may be empty.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("channels_chatwoot", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="thread",
            name="status_at",
            field=models.DateTimeField(null=True),
        ),
    ]
