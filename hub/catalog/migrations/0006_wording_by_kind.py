"""Beside its words, what a dataset is counted by: a search counts its findings without a look at the datasets."""

import django.db.models.deletion
from django.db import migrations, models

_REWORD = r"""
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
SELECT catalog_reword(ARRAY(SELECT id FROM catalog_dataset));
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_tokens_of_one_agreement"), ("catalog", "0005_wording")]
    operations = [
        migrations.AddField(
            "wording",
            "agency",
            models.ForeignKey(
                db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, to="accounts.agency"
            ),
        ),
        migrations.AddField("wording", "theme", models.CharField(blank=True, db_default="", max_length=60)),
        migrations.AddField("wording", "sharing_class", models.CharField(db_default="", max_length=20)),
        migrations.AddField("wording", "is_plain", models.BooleanField(db_default=False)),
        migrations.RunSQL(_REWORD, migrations.RunSQL.noop),
    ]
