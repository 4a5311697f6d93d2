"""Index the tries of deliveries by their instant, for the plot over time."""

from django.db import migrations, models


class Migration(migrations.Migration):
    # deploy: before
    dependencies = [("integrations", "0008_mcp_servers")]

    operations = [
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=models.Index(
                fields=["attempted_at"],
                include=("status_code", "duration_ms"),
                name="delivery_attempt_when",
            ),
        ),
    ]
