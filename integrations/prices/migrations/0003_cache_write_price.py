# deploy: before - a nullable column that the code of the last release leaves alone.
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("prices", "0002_price_sources"),
    ]

    operations = [
        migrations.AddField(
            model_name="modelprice",
            name="cache_write_usd",
            field=models.DecimalField(
                blank=True,
                decimal_places=6,
                help_text="Where the provider takes more for what it keeps for later calls, as Anthropic does. Empty: reckoned as other input, and its costs are estimates.",
                max_digits=12,
                null=True,
                validators=[django.core.validators.MinValueValidator(0)],
                verbose_name="US$ for a million input tokens that are kept",
            ),
        ),
    ]
