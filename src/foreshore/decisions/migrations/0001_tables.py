# ruff: noqa: RUF012
"""The tables of decisions."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """All tables."""

    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Audit",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("at", models.DateTimeField()),
                ("author", models.TextField()),
                ("what", models.TextField()),
                ("payload", models.TextField()),
                ("previous", models.TextField(unique=True)),
                ("digest", models.TextField(unique=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="AssetReview",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("conflict", models.BigIntegerField(db_index=True)),
                ("verdict", models.TextField()),
                ("because", models.TextField()),
                ("author", models.TextField()),
                ("decided_at", models.DateTimeField()),
                (
                    "audit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reviews",
                        to="decisions.audit",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Approval",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("target", models.TextField()),
                ("allowed", models.BooleanField()),
                ("because", models.TextField()),
                ("author", models.TextField()),
                ("decided_at", models.DateTimeField()),
                ("until", models.DateField(null=True)),
                (
                    "audit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="approvals",
                        to="decisions.audit",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Disposition",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("exposure", models.BigIntegerField(db_index=True)),
                ("disposition", models.TextField()),
                ("because", models.TextField()),
                ("author", models.TextField()),
                ("decided_at", models.DateTimeField(db_index=True)),
                ("until", models.DateField(null=True)),
                ("like_this", models.TextField(default="")),
                ("evidence", models.JSONField(default=dict)),
                (
                    "audit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dispositions",
                        to="decisions.audit",
                    ),
                ),
                (
                    "supersedes",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="decisions.disposition",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("job", models.TextField(unique=True)),
                ("kind", models.TextField()),
                ("at", models.DateTimeField()),
                ("detail", models.JSONField(default=dict)),
                (
                    "audit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to="decisions.audit",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ScopeVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("text", models.TextField()),
                ("digest", models.TextField()),
                ("parsed", models.JSONField()),
                ("difference", models.JSONField()),
                ("author", models.TextField()),
                ("applied_at", models.DateTimeField()),
                (
                    "audit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="scopes",
                        to="decisions.audit",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
    ]
