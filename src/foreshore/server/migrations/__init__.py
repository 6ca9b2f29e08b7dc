"""Migrations of the service database, forward only."""
