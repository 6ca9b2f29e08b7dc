"""Measurements of what the design names as targets; `make bench` runs them."""
