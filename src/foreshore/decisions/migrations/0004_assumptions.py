"""An exception names what it rests on."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column more; SQLite adds it in place, so that the triggers stay."""

    dependencies = [("decisions", "0003_review_pairs")]  # noqa: RUF012

    operations = [  # noqa: RUF012
        migrations.AddField("disposition", "assumes", models.JSONField(null=True)),
    ]
