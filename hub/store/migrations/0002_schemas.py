"""The schemas of dataset rows and of loads on their way."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("store", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "CREATE SCHEMA IF NOT EXISTS data; CREATE SCHEMA IF NOT EXISTS staging;",
            "DROP SCHEMA data CASCADE; DROP SCHEMA staging CASCADE;",
        )
    ]
