from django.db import migrations


class Migration(migrations.Migration):
    """Nobody rewrites what happened: the database itself refuses, in every schema."""

    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(
            """
            create or replace function public.audit_refuse_change() returns trigger
            language plpgsql as $$
            begin
                raise exception 'audit entries are append-only';
            end $$;
            create trigger audit_append_only before update or delete on audit_auditentry
                for each row execute function public.audit_refuse_change();
            """,
            reverse_sql="drop trigger audit_append_only on audit_auditentry",
        ),
    ]
