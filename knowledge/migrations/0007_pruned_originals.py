from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("knowledge", "0006_web_pages"),
    ]

    operations = [
        migrations.AddField(
            model_name="embeddingspace",
            name="rests_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="documentversion",
            name="original",
            field=models.BinaryField(null=True, verbose_name="file"),
        ),
    ]
