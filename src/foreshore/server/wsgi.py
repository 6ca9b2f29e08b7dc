"""The WSGI application, for whoever runs the pages under a server of their own."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "foreshore.server.settings")
application = get_wsgi_application()
