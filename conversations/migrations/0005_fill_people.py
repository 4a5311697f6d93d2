# deploy: before
from django.db import migrations

FILL = """
update conversations_conversation
set claimed_by = case when mode_reason like 'taken over by %' then substr(mode_reason, 15, 150)
                 else '' end,
    waiting_since = case when mode_reason like 'taken over by %' then null
                    else coalesce(mode_changed_at, last_message_at) end
where mode = 'human' and status = 'open'
"""


class Migration(migrations.Migration):
    """Say of conversations that are in people's hands already who has them."""

    dependencies = [("conversations", "0004_people")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
