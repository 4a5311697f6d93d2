# deploy: before - a nullable column that the code of the last release leaves alone.
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0011_paused_endpoints"),
    ]

    operations = [
        migrations.AddField(
            model_name="modelcall",
            name="cache_write_tokens",
            field=models.PositiveIntegerField(null=True, verbose_name="kept input tokens"),
        ),
    ]
