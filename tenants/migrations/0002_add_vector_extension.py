from django.db import migrations


class Migration(migrations.Migration):
    """Extensions belong to the database and are made while in `public`, never by a tenant app."""

    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.RunSQL(
            "create extension if not exists vector schema public",
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
