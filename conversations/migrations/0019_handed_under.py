# deploy: before - a nullable column that the code of the last release leaves alone.
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conversations", "0018_files_that_are_there"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboundmessage",
            name="handed_under",
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
    ]
