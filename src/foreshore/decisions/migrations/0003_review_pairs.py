"""A review names the two parts of assets that it is about."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    """Two columns more; SQLite adds them in place, so that the triggers stay."""

    dependencies = [("decisions", "0002_write_once")]  # noqa: RUF012

    operations = [  # noqa: RUF012
        migrations.AddField("assetreview", "left_asset", models.BigIntegerField(null=True)),
        migrations.AddField("assetreview", "right_asset", models.BigIntegerField(null=True)),
    ]
