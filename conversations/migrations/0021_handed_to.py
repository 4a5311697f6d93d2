# deploy: before - a nullable column that the code of the last release leaves alone.
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0020_steps_followed")]

    operations = [
        migrations.AddField(
            model_name="outboundmessage",
            name="handed_to",
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
