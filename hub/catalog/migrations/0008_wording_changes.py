"""A mark of each change to the wordings, so that what was counted of them can be kept until there is another."""

from django.db import migrations, models

_MARK = """
CREATE FUNCTION catalog_wording_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO catalog_wordingchange DEFAULT VALUES;
    RETURN NULL;
END $$;
CREATE TRIGGER catalog_wording_changed AFTER INSERT OR UPDATE OR DELETE ON catalog_wording
    FOR EACH STATEMENT EXECUTE FUNCTION catalog_wording_changed();
INSERT INTO catalog_wordingchange DEFAULT VALUES;
"""
_NO_MARK = """
DROP TRIGGER catalog_wording_changed ON catalog_wording;
DROP FUNCTION catalog_wording_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0007_wording_in_order")]
    operations = [
        migrations.CreateModel("WordingChange", [("id", models.BigAutoField(primary_key=True, serialize=False))]),
        migrations.RunSQL(_MARK, _NO_MARK),
    ]
