# deploy: before - a nullable column that the code of the last release leaves alone.
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("conversations", "0019_handed_under")]

    operations = [
        migrations.AddField(
            model_name="conversation",
            name="steps_followed_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
