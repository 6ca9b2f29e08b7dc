"""The service's settings for the type checker: over an empty workspace that is removed afterwards."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

from foreshore.workspace import Workspace

if "FORESHORE_WORKSPACE" not in os.environ:
    _place = tempfile.mkdtemp(prefix="foreshore-types-")
    atexit.register(shutil.rmtree, _place, ignore_errors=True)
    os.environ["FORESHORE_WORKSPACE"] = str(Workspace.create(_place).root)

from foreshore.server.settings import *  # noqa: F403
