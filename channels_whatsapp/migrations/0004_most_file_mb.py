import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    """The largest file that can be allowed is one that gets through."""

    dependencies = [("channels_whatsapp", "0003_reception")]

    operations = [
        migrations.AlterField(
            model_name="device",
            name="file_max_mb",
            field=models.PositiveSmallIntegerField(
                default=16,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(20),
                ],
                verbose_name="largest file (MB)",
            ),
        ),
    ]
