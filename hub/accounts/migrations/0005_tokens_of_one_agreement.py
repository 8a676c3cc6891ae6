"""A token names the agreement that it is bound to in full, with its owner's code."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_teams'),
    ]

    operations = [
        migrations.AlterField(
            model_name='token',
            name='agreement',
            field=models.CharField(blank=True, max_length=133),
        ),
    ]
