from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("knowledge", "0002_knowledge_that_answers")]

    operations = [
        migrations.RemoveField(model_name="chunk", name="embedding"),
        migrations.RemoveField(model_name="chunk", name="embedding_model"),
        migrations.RemoveField(model_name="document", name="original"),
    ]
