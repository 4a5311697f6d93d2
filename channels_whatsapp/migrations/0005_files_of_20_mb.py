from django.db import migrations


def lower(apps, schema_editor):
    devices = apps.get_model("channels_whatsapp", "Device").objects
    devices.filter(file_max_mb__gt=20).update(file_max_mb=20)


class Migration(migrations.Migration):
    """Larger files were allowed and never got through: the HTTP client reads 32 MB of base64."""

    dependencies = [("channels_whatsapp", "0004_most_file_mb")]

    operations = [migrations.RunPython(lower, migrations.RunPython.noop)]
