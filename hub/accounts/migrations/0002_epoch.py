"""The one row that counts the changes which can alter a decision."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [
        migrations.RunSQL("INSERT INTO accounts_epoch (id, value) VALUES (1, 1)", "DELETE FROM accounts_epoch"),
    ]
