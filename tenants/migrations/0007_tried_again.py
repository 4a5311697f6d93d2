# deploy: before - a nullable column that the code of the last release leaves alone.
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0006_route_channel"),
    ]

    operations = [
        migrations.AddField(
            model_name="inboxentry",
            name="tried_again_at",
            field=models.DateTimeField(null=True, verbose_name="tried again at"),
        ),
    ]
