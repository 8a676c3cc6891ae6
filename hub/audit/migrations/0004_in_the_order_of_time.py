from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0003_about"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="event",
            name="event_at",
        ),
        migrations.RemoveIndex(
            model_name="event",
            name="event_agency_at",
        ),
        migrations.RemoveIndex(
            model_name="event",
            name="event_dataset_at",
        ),
        migrations.RemoveIndex(
            model_name="event",
            name="event_about_at",
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["at"], name="event_at"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["agency", "at"], name="event_agency_at"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(fields=["dataset", "at"], name="event_dataset_at"),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                condition=models.Q(("about", ""), _negated=True), fields=["about", "at"], name="event_about_at"
            ),
        ),
    ]
