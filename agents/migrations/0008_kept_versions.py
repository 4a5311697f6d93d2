from django.db import migrations, models


class Migration(migrations.Migration):
    """Versions that were only kept for a comparison are told from those that answered."""

    dependencies = [("agents", "0007_experiments")]

    operations = [
        migrations.AddField(
            model_name="agentversion",
            name="is_published",
            field=models.BooleanField(db_default=True, default=True, editable=False),
        ),
    ]
