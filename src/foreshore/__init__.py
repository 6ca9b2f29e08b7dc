"""Foreshore: continuous threat exposure management."""

__version__ = "0.1.0"
