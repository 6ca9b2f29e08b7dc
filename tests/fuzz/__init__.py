"""Readers under hostile bytes: what they promise, how samples are changed, and what was found."""
