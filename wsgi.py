"""What gunicorn and the flask command load."""

import os

from app import create_app
from app.platform.logging import configure
from app.settings import Settings

settings = Settings.from_env(os.environ)
configure(json_lines=settings.json_logs)
app = create_app(settings)
