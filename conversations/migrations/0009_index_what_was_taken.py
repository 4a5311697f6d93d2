from django.db import migrations, models


class Migration(migrations.Migration):
    """For the watch over devices, which else reads all that a number has ever sent."""

    dependencies = [("conversations", "0008_fill_closed_at")]

    operations = [
        migrations.AddIndex(
            model_name="outboundmessage",
            index=models.Index(
                condition=models.Q(("status", "handed")),
                fields=["channel_account_ref", "handed_at"],
                name="outbound_not_taken",
            ),
        ),
        migrations.AddIndex(
            model_name="outboundmessage",
            index=models.Index(
                condition=models.Q(("acked_at__isnull", False)),
                fields=["channel_account_ref", "acked_at"],
                name="outbound_taken",
            ),
        ),
    ]
