"""Beside its words, all that says who may know of a dataset and where it stands in a list of them."""

from django.db import migrations, models

_REWORD = r"""
CREATE OR REPLACE FUNCTION catalog_reword(changed uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO catalog_wording (dataset_id, text, key, agency_id, theme, sharing_class, status, is_secret, is_plain)
    SELECT d.id, upper(concat_ws(E'\n', d.key, d.title, d.title_zh, d.description, d.description_zh,
                                 array_to_string(d.keywords, E'\n'), a.name, a.name_zh, E'\n')),
           d.key, d.agency_id, d.theme, d.sharing_class, d.status, d.is_secret,
           NOT d.is_secret AND d.status IN ('published', 'retired')
    FROM catalog_dataset d JOIN accounts_agency a ON a.id = d.agency_id
    WHERE d.id = ANY(changed)
    ON CONFLICT (dataset_id) DO UPDATE SET text = excluded.text, key = excluded.key, agency_id = excluded.agency_id,
        theme = excluded.theme, sharing_class = excluded.sharing_class, status = excluded.status,
        is_secret = excluded.is_secret, is_plain = excluded.is_plain
    WHERE (catalog_wording.text, catalog_wording.key, catalog_wording.agency_id, catalog_wording.theme,
           catalog_wording.sharing_class, catalog_wording.status, catalog_wording.is_secret)
        IS DISTINCT FROM (excluded.text, excluded.key, excluded.agency_id, excluded.theme, excluded.sharing_class,
           excluded.status, excluded.is_secret)
$$;
SELECT catalog_reword(ARRAY(SELECT id FROM catalog_dataset));
"""
_REWORD_BEFORE = r"""
CREATE OR REPLACE FUNCTION catalog_reword(changed uuid[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO catalog_wording (dataset_id, text, agency_id, theme, sharing_class, is_plain)
    SELECT d.id, upper(concat_ws(E'\n', d.key, d.title, d.title_zh, d.description, d.description_zh,
                                 array_to_string(d.keywords, E'\n'), a.name, a.name_zh, E'\n')),
           d.agency_id, d.theme, d.sharing_class, NOT d.is_secret AND d.status IN ('published', 'retired')
    FROM catalog_dataset d JOIN accounts_agency a ON a.id = d.agency_id
    WHERE d.id = ANY(changed)
    ON CONFLICT (dataset_id) DO UPDATE SET text = excluded.text, agency_id = excluded.agency_id,
        theme = excluded.theme, sharing_class = excluded.sharing_class, is_plain = excluded.is_plain
    WHERE (catalog_wording.text, catalog_wording.agency_id, catalog_wording.theme, catalog_wording.sharing_class,
           catalog_wording.is_plain)
        IS DISTINCT FROM (excluded.text, excluded.agency_id, excluded.theme, excluded.sharing_class, excluded.is_plain)
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("catalog", "0006_wording_by_kind")]
    operations = [
        migrations.AddField("wording", "key", models.CharField(db_default="", max_length=93)),
        migrations.AddField("wording", "status", models.CharField(db_default="", max_length=20)),
        migrations.AddField("wording", "is_secret", models.BooleanField(db_default=False)),
        migrations.AddIndex("wording", models.Index(fields=["key"], name="wording_key")),
        migrations.AddIndex("wording", models.Index(fields=["agency", "key"], name="wording_agency")),
        migrations.AddIndex("wording", models.Index(fields=["theme", "key"], name="wording_theme")),
        migrations.AddIndex(
            "wording",
            models.Index(fields=["status"], condition=models.Q(("is_plain", False)), name="wording_guarded"),
        ),
        migrations.RunSQL(_REWORD, _REWORD_BEFORE),
    ]
