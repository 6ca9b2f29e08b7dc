"""The service behind the pages and the API: people and what they may see, jobs, and reading fast.

`settings` are Django's; `access` is the one place where it is decided who may see and do what; `shelf`
reads the serving file for pages; `jobs` is the work that takes longer than a request.
"""
