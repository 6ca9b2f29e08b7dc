"""Picking things out: the query language of lists, selectors of assets, and zones."""
