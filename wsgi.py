"""What gunicorn and the flask command load."""

import gc
import os

from app import create_app
from app.platform.logging import configure
from app.settings import Settings

settings = Settings.from_env(os.environ)
configure(json_lines=settings.json_logs)
app = create_app(settings)

# Modules, routes and templates live as long as the process. Left to the collector, it walks them all
# once in a few requests, for 60 ms; frozen, they also stay shared with the children of a fork.
gc.collect()
gc.freeze()
