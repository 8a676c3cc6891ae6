from cryptography.fernet import Fernet
from django.conf import settings
from django.db import migrations

import base64
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

import connectors.secrets


def seal_anew(apps, schema_editor):
    """From Fernet, bound to nothing, to AES-GCM, bound to the row."""
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"source secrets").derive(settings.SECRET_KEY.encode())
    fernet = Fernet(base64.urlsafe_b64encode(key))
    for source in apps.get_model("connectors", "Source").objects.exclude(secrets=b""):
        opened = json.loads(fernet.decrypt(bytes(source.secrets)))
        source.secrets = connectors.secrets.seal(opened, source.pk)
        source.save(update_fields=["secrets"])


class Migration(migrations.Migration):
    dependencies = [("connectors", "0012_checkpoints")]

    operations = [
        migrations.AlterField("source", "secrets", connectors.secrets.SealedField(default=b"")),
        migrations.RunPython(seal_anew, migrations.RunPython.noop),
    ]
