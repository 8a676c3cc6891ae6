"""Keys of sources and streams become unique within their owner, which each row names from now on."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_owners(apps, schema_editor):
    dataset = apps.get_model("catalog", "Dataset").objects
    of_dataset = Subquery(dataset.filter(pk=OuterRef("dataset")).values("agency"))
    apps.get_model("connectors", "Stream").objects.update(owner=of_dataset)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_tokens_of_one_agreement'),
        ('catalog', '0003_stewardship'),
        ('connectors', '0006_columns_seen'),
    ]

    operations = [
        migrations.AddField(
            model_name='stream',
            name='owner',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.agency'),
        ),
        migrations.RunPython(name_owners, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='stream',
            name='owner',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.agency'),
        ),
        migrations.AlterField(
            model_name='source',
            name='key',
            field=models.CharField(max_length=100),
        ),
        migrations.AlterField(
            model_name='stream',
            name='key',
            field=models.CharField(max_length=100),
        ),
        migrations.AddConstraint(
            model_name='source',
            constraint=models.UniqueConstraint(fields=('key', 'agency'), name='source_key_of_agency'),
        ),
        migrations.AddConstraint(
            model_name='stream',
            constraint=models.UniqueConstraint(fields=('key', 'owner'), name='stream_key_of_owner'),
        ),
    ]
