"""The application factory; the only place that knows every feature."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from flask_babel import Babel
from flask_babel import gettext as _
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from app import cli
from app.accounts.routes import bp as accounts_bp
from app.accounts.routes import login_manager
from app.api.worker import bp as worker_api_bp
from app.bundles import jobs as bundle_jobs
from app.bundles import queries as bundle_queries
from app.bundles.dumps import jobs as dump_jobs
from app.bundles.dumps import queries as dump_queries
from app.bundles.dumps.routes import bp as dumps_bp
from app.bundles.kept import services as kept_bundles
from app.bundles.kept.routes import bp as kept_bundles_bp
from app.bundles.kits.routes import bp as kits_bp
from app.bundles.routes import bp as bundles_bp
from app.bundles.tasks.routes import bp as task_zips_bp
from app.competitions import handouts, routing
from app.competitions import queries as competition_queries
from app.competitions.routes import bp as competitions_bp
from app.competitions.tasks import queries as task_queries
from app.competitions.tasks import services as task_services
from app.competitions.tasks.routes import bp as tasks_bp
from app.home.routes import bp as home_bp
from app.leaderboards import overall
from app.leaderboards import services as leaderboards
from app.leaderboards.routes import bp as leaderboards_bp
from app.platform import assets, limiting, markdown, moments, web
from app.platform.db import db
from app.platform.queueing import AppJob, Carrier, RedisCarrier
from app.platform.storage import S3Store, Store
from app.platform.tally import RedisTally, Tally
from app.platform.web import csrf
from app.queues import queries as queue_queries
from app.queues import services as queues
from app.queues.routes import bp as queues_bp
from app.resources import queries as resources
from app.resources.datasets.routes import bp as datasets_bp
from app.resources.library import uses
from app.resources.library.routes import bp as library_bp
from app.resources.parts import jobs as part_jobs
from app.resources.parts.routes import bp as parts_bp
from app.resources.routes import bp as resources_bp
from app.resources.space import cleanup
from app.resources.space import queries as space
from app.resources.space.cleanup import Clearing
from app.resources.space.items import OUTPUTS
from app.resources.space.routes import bp as space_bp
from app.settings import Settings
from app.submissions import dispatch, footprint, load, outcome, revisions
from app.submissions import queries as submission_queries
from app.submissions.activity.routes import bp as activity_bp
from app.submissions.kept.routes import bp as kept_submissions_bp
from app.submissions.live.routes import bp as live_bp
from app.submissions.organizing.routes import bp as organizing_bp
from app.submissions.provenance.routes import bp as provenance_bp
from app.submissions.rehearsal import queries as rehearsal_queries
from app.submissions.rehearsal.routes import bp as rehearsal_bp
from app.submissions.routes import bp as submissions_bp

_LOOPBACK = {"127.0.0.1", "localhost"}
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Parts:
    """The services that a test may replace."""

    store: Store | None = None
    carrier: Carrier | None = None
    tally: Tally | None = None


def create_app(settings: Settings, parts: Parts | None = None) -> Flask:
    """Build the application; opens no connection and changes nothing outside itself."""
    app = Flask(
        "plumbline", root_path=str(ROOT), static_folder="static", template_folder="templates"
    )
    app.config.from_mapping(_flask_config(settings))
    if settings.behind_proxy:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=0)  # type: ignore[method-assign]
    app.extensions["plumbline.settings"] = settings
    _connect(app, settings, parts or Parts())
    db.init_app(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    limiting.limiter.init_app(app)
    Babel(app, default_locale="en", default_timezone="UTC")
    _templates(app, settings)
    web.init(app, csp=_content_policy(settings))
    _features(app)
    return app


def _connect(app: Flask, settings: Settings, parts: Parts) -> None:
    app.extensions["plumbline.store"] = parts.store or S3Store(
        settings.s3_url, settings.s3_public_url, settings.s3_access_key, settings.s3_secret_key,
        settings.s3_region,
    )  # fmt: skip
    app.extensions["plumbline.carrier"] = parts.carrier or RedisCarrier(
        settings.redis_url, settings.runs_redis_url
    )
    app.extensions["plumbline.tally"] = parts.tally or RedisTally(settings.redis_url)


def _features(app: Flask) -> None:
    """Register every feature."""
    app.register_blueprint(home_bp)
    app.register_blueprint(accounts_bp)
    app.register_blueprint(queues_bp)
    app.register_blueprint(resources_bp)
    app.register_blueprint(parts_bp)
    app.register_blueprint(library_bp)
    app.register_blueprint(space_bp)
    app.register_blueprint(kept_submissions_bp)
    app.register_blueprint(kept_bundles_bp)
    app.register_blueprint(datasets_bp)
    app.register_blueprint(competitions_bp)
    app.register_blueprint(tasks_bp)
    app.register_blueprint(submissions_bp)
    app.register_blueprint(live_bp)
    app.register_blueprint(organizing_bp)
    app.register_blueprint(provenance_bp)
    app.register_blueprint(rehearsal_bp)
    app.register_blueprint(activity_bp)
    app.register_blueprint(leaderboards_bp)
    app.register_blueprint(bundles_bp)
    app.register_blueprint(task_zips_bp)
    app.register_blueprint(kits_bp)
    app.register_blueprint(dumps_bp)
    app.register_blueprint(worker_api_bp)
    csrf.exempt(worker_api_bp)  # machines bring bearer tokens; these routes read no cookie
    cli.register(app)
    _introduce()


def _introduce() -> None:
    """Say which feature tells which other one what."""
    outcome.on_ended[:] = [leaderboards.refresh]
    outcome.on_waiting[:] = [dispatch.ring]
    submission_queries.overall_scores[:] = [overall.of]
    submission_queries.primary_scores[:] = [overall.primary]
    competition_queries.rehearsed[:] = [rehearsal_queries.summary]
    queues.on_narrowed[:] = [routing.detach_strangers]
    queues.uses[:] = [routing.reasons_to_keep, load.reasons_to_keep]
    queue_queries.benchmarks_on[:] = [routing.benchmarks_on]
    queue_queries.work_on[:] = [load.work_on]
    queue_queries.waiting_on[:] = [load.waiting_on]
    queue_queries.troubles_of[:] = [load.troubles_of]
    resources.handouts[:] = [handouts.gives_out]
    task_queries.run_on[:] = [revisions.run_tasks]
    resources.shown_images[:] = [handouts.shows_picture]
    uses.uses_of[:] = [
        handouts.uses_of, footprint.uses_of, bundle_queries.uses_of, dump_queries.uses_of,
    ]  # fmt: skip
    uses.kept_secret_by[:] = [handouts.kept_secret_by]
    space.kept_besides[:] = [footprint.kept]
    cleanup.clearings[:] = [
        Clearing(OUTPUTS, footprint.failed_outputs, footprint.clear_failed_outputs),
        Clearing("tasks", task_services.unused, task_services.clear_unused),
        Clearing("rejected", kept_bundles.rejected, kept_bundles.clear_rejected),
        Clearing("imported", kept_bundles.imported, kept_bundles.clear_imported),
        Clearing("dumps", kept_bundles.made, kept_bundles.clear_made),
    ]
    AppJob.allowed = {
        "app.bundles.dumps.jobs.pack": dump_jobs.pack,
        "app.bundles.jobs.unpack": bundle_jobs.unpack,
        "app.resources.parts.jobs.check": part_jobs.check,
    }


def _flask_config(settings: Settings) -> dict[str, Any]:
    secure = settings.base_url.startswith("https://")
    engine: dict[str, Any] = {"pool_pre_ping": True}
    if settings.database_url.startswith("postgresql"):
        limits = "-c statement_timeout=15s -c lock_timeout=5s"
        limits += " -c idle_in_transaction_session_timeout=30s"
        engine["connect_args"] = {"options": limits}
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": engine,
        "TRUSTED_HOSTS": _trusted_hosts(settings),
        "SESSION_COOKIE_NAME": "__Host-sid" if secure else "sid",
        "SESSION_COOKIE_SECURE": secure,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=30),
        "MAX_CONTENT_LENGTH": 2 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 256 * 1024,
        "MAX_FORM_PARTS": 200,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=365),
        "WTF_CSRF_TIME_LIMIT": None,
        "WTF_CSRF_SSL_STRICT": True,
        "PREFERRED_URL_SCHEME": "https" if secure else "http",
        "RATELIMIT_STORAGE_URI": settings.redis_url,
        "RATELIMIT_STRATEGY": "moving-window",
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED": True,
        "RATELIMIT_HEADERS_ENABLED": False,
    }


def _trusted_hosts(settings: Settings) -> list[str]:
    """Name the hosts a request may ask for; one machine is reached by either of its names."""
    if settings.trusted_hosts:
        return [host.strip() for host in settings.trusted_hosts.split(",") if host.strip()]
    own = urlsplit(settings.base_url).hostname or ""
    return sorted({own} | (_LOOPBACK if own in _LOOPBACK else set()))


def _content_policy(settings: Settings) -> str:
    parts = urlsplit(settings.s3_public_url or settings.s3_url)
    storage = f"{parts.scheme}://{parts.netloc}"
    return (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        f"connect-src 'self' {storage}; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-src 'self'; frame-ancestors 'none'"
    )


def _templates(app: Flask, settings: Settings) -> None:
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(asset=assets.asset, site_name=settings.site_name, _=_)
    moments.install(app.jinja_env)
    app.jinja_env.filters.update(markdown=markdown.render, page_html=markdown.render_page)
