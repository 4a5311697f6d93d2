"""Keep, of each call that waits for a yes, which definition of its tool it was asked for."""

from django.db import migrations, models


class Migration(migrations.Migration):
    # deploy: before
    dependencies = [("integrations", "0009_plot_deliveries")]

    operations = [
        migrations.AddField(
            model_name="httptoolcall",
            name="fitting_hash",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=64
            ),
        ),
    ]
