"""Keys of rules and agreements become unique within their owner, which each row names from now on."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce


def name_owners(apps, schema_editor):
    dataset = apps.get_model("catalog", "Dataset").objects
    rule, agreement = (apps.get_model("policies", name).objects for name in ("Rule", "Agreement"))
    of_target = Subquery(dataset.filter(pk=OuterRef("target_dataset")).values("agency"))
    rule.update(owner=Coalesce(of_target, F("target_agency")))
    agreement.update(owner=Subquery(dataset.filter(pk=OuterRef("dataset")).values("agency")))


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_tokens_of_one_agreement'),
        ('catalog', '0003_stewardship'),
        ('policies', '0004_catalogue_rules_index'),
    ]

    operations = [
        migrations.AddField(
            model_name='agreement',
            name='owner',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.agency'),
        ),
        migrations.AddField(
            model_name='rule',
            name='owner',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.agency'),
        ),
        migrations.RunPython(name_owners, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='agreement',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.agency'),
        ),
        migrations.AlterField(
            model_name='agreement',
            name='key',
            field=models.CharField(max_length=100),
        ),
        migrations.AlterField(
            model_name='rule',
            name='key',
            field=models.CharField(max_length=100),
        ),
        migrations.AddConstraint(
            model_name='agreement',
            constraint=models.UniqueConstraint(fields=('key', 'owner'), name='agreement_key_of_owner'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.UniqueConstraint(fields=('key', 'owner'), name='rule_key_of_owner', nulls_distinct=False),
        ),
    ]
