"""Events are added and nothing else, whoever asks."""

from django.db import migrations

_GUARD = """
CREATE FUNCTION audit_event_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are only ever added';
END $$;
CREATE TRIGGER audit_event_is_final BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_is_final();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [
        migrations.RunSQL(
            _GUARD, "DROP TRIGGER audit_event_is_final ON audit_event; DROP FUNCTION audit_event_is_final;"
        )
    ]
