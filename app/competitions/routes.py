"""Pages of competitions: lists, overview, phases, data, registration, and their management."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.competitions import lifecycle, memberships, queries, routing, services
from app.competitions.forms import (
    DecisionForm,
    GrantForm,
    QueueForm,
    RegistrationForm,
    SearchForm,
)
from app.competitions.models import Competition, Membership, Participant
from app.competitions.tasks import queries as competition_tasks
from app.errors import Invalid, NotFound, Refused
from app.platform import links
from app.platform.clock import now
from app.platform.configured import settings
from app.platform.paging import page_number
from app.platform.web import done, page
from app.policy import Act, Viewer
from app.queues import queries as queues

bp = Blueprint("competitions", __name__, url_prefix="/benchmarks")


def _viewer() -> Viewer:
    return queries.viewer(current_user, opened=links.followed())


def _framed(competition: Competition, viewer: Viewer, tab: str) -> dict[str, Any]:
    return {"frame": queries.frame(competition, viewer, now()), "tab": tab}


def _managed(competition_id: int, act: Act = Act.COMPETITION_EDIT) -> tuple[Competition, Viewer]:
    viewer = _viewer()
    competition = queries.get(competition_id, viewer)
    policy.require(viewer, act, competition)
    return competition, viewer


@bp.get("/")
def listing() -> Response:
    """List the benchmarks that this viewer may see."""
    form = SearchForm(request.args)
    words = (form.q.data or "") if form.validate() else ""
    number = page_number(request.args.get("page"))
    rows = queries.listing(_viewer(), number, words, now=now())
    return page("competitions/listing.html", form=form, words=words, rows=rows)


@bp.get("/mine")
@login_required
def mine() -> Response:
    """List what one organizes and takes part in."""
    return page("competitions/mine.html", mine=queries.mine(_viewer(), now=now()))


@bp.get("/open/<secret_key>")
def open_link(secret_key: str) -> Response:
    """Let this browser see an unpublished benchmark; only the browser's session changes."""
    competition = queries.by_secret_key(secret_key)
    links.follow(secret_key)
    answer = redirect(url_for(".detail", competition_id=competition.id), 303)
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


@bp.get("/<int:competition_id>", defaults={"page_id": None})
@bp.get("/<int:competition_id>/pages/<int:page_id>")
def detail(competition_id: int, page_id: int | None) -> Response:
    """Show the overview: one of the organizer's pages."""
    viewer = _viewer()
    competition = queries.get(competition_id, viewer)
    pages = queries.pages(competition)
    shown = next((p for p in pages if page_id in (None, p.id)), None)
    if shown is None and page_id is not None:
        raise NotFound(_("This benchmark has no such page."))
    return page(
        "competitions/detail.html", **_framed(competition, viewer, "overview"), pages=pages,
        shown=shown, counts=queries.count_participants(competition),
        default_memory_mib=settings().run_memory_mib,
    )  # fmt: skip


@bp.get("/<int:competition_id>/terms")
def terms(competition_id: int) -> Response:
    """Show the terms of taking part."""
    viewer = _viewer()
    competition = queries.get(competition_id, viewer)
    return page(
        "competitions/terms.html", **_framed(competition, viewer, "overview"),
        pages=queries.pages(competition),
    )  # fmt: skip


@bp.get("/<int:competition_id>/phases")
def phases(competition_id: int) -> Response:
    """Show the phases on a time line, with their tasks and limits."""
    viewer = _viewer()
    competition = queries.get(competition_id, viewer)
    found = queries.phases_with_tasks(competition)
    return page(
        "competitions/phases.html", **_framed(competition, viewer, "phases"),
        phase_rows=[(phase, lifecycle.phase_stage(phase, now())) for phase in found],
        before={one.id: source.name for one in found if (source := lifecycle.before(found, one))},
        beside={
            one.id: [other.name for other in lifecycle.beside(found, one) if other is not one]
            for one in found
        },
    )  # fmt: skip


@bp.get("/<int:competition_id>/data")
def data(competition_id: int) -> Response:
    """Show the tasks, and the files that this viewer may download."""
    viewer = _viewer()
    competition = queries.get(competition_id, viewer)
    with_tasks = queries.phases_with_tasks(competition)
    return page(
        "competitions/data.html", **_framed(competition, viewer, "data"), phases=with_tasks,
        files=queries.files_for(competition, viewer, with_tasks),
        openable=competition_tasks.openable(with_tasks, viewer),
    )  # fmt: skip


@bp.get("/<int:competition_id>/register")
@login_required
def register(competition_id: int) -> Response:
    """Show the terms and ask, or say where a registration stands."""
    return _registration(competition_id, RegistrationForm())


@bp.post("/<int:competition_id>/register")
@login_required
def register_now(competition_id: int) -> Response:
    """Ask to take part."""
    viewer = _viewer()
    competition = queries.get(competition_id, viewer)
    form = RegistrationForm(request.form)
    try:
        found = memberships.register(
            viewer, competition, accepted_terms=form.accepted_terms.data, now=now()
        )
    except Invalid as refusal:
        form.refuse("accepted_terms", _(refusal.message))
        return _registration(competition_id, form, status=422)
    if found.status == Membership.APPROVED:
        message = _("You take part now.")
    else:
        message = _("Your registration is with the organizer, who decides about it.")
    return done(url_for(".detail", competition_id=competition_id), message=message)


def _registration(competition_id: int, form: RegistrationForm, status: int = 200) -> Response:
    viewer = _viewer()
    competition = queries.get(competition_id, viewer)
    return page(
        "competitions/register.html", status=status, **_framed(competition, viewer, "register"),
        form=form, viewer_id=viewer.user_id,
        participation=queries.participation(competition, viewer),
    )  # fmt: skip


@bp.get("/<int:competition_id>/participants")
@login_required
def participants(competition_id: int) -> Response:
    """List who registered, for the organizers to decide."""
    competition, viewer = _managed(competition_id, Act.PARTICIPANT_DECIDE)
    status = request.args.get("status", "")
    status = status if status in set(Membership) else ""
    rows = queries.participants(competition, viewer, page_number(request.args.get("page")), status)
    return page(
        "competitions/participants.html", **_framed(competition, viewer, "manage"), rows=rows,
        organizer_id=competition.owner_id, chosen=status, counts=queries.count_participants(competition),
        queues=routing.choices(viewer, competition),
    )  # fmt: skip


@bp.post("/<int:competition_id>/participants/<int:participant_id>")
@login_required
def decide(competition_id: int, participant_id: int) -> Response:
    """Approve or decline one person; htmx gets the changed row."""
    form = DecisionForm(request.form)
    if not form.validate():
        raise Invalid(_("Say whether to approve or to decline, and a reason of 500 characters."))
    viewer = _viewer()
    participant = memberships.decide(
        viewer, participant_id, form.status.data, form.reason.data or "", now=now()
    )
    if participant.competition_id != competition_id:
        raise NotFound(_("There is no such registration."))
    return _changed(queries.get(competition_id, viewer), participant, viewer)


def _changed(competition: Competition, participant: Participant, viewer: Viewer) -> Response:
    return done(
        url_for(".participants", competition_id=competition.id),
        fragment="competitions/_participant_row.html", participant=participant,
        organizer_id=competition.owner_id,
        queues=routing.choices(viewer, competition),
    )  # fmt: skip


@bp.post("/<int:competition_id>/participants/<int:participant_id>/queue")
@login_required
def route(competition_id: int, participant_id: int) -> Response:
    """Send the runs of one person to a queue of their own; htmx gets the changed row."""
    competition, viewer = _managed(competition_id)
    participant = routing.route(viewer, competition, participant_id, _chosen_queue())
    return _changed(competition, participant, viewer)


def _chosen_queue() -> int | None:
    form = QueueForm(request.form)
    if not form.validate():
        raise Invalid(_("There is no such queue, or it is not yours to use. Choose another one."))
    chosen: int | None = form.queue_id.data
    return chosen


@bp.post("/<int:competition_id>/queue")
@login_required
def choose_queue(competition_id: int) -> Response:
    """Choose the queue that the runs of a benchmark go to."""
    competition, viewer = _managed(competition_id)
    routing.choose_queue(viewer, competition, _chosen_queue())
    url = url_for(".manage", competition_id=competition_id)
    return done(url, message=_("Further submissions run on this queue."))


@bp.post("/<int:competition_id>/participants/approve-waiting")
@login_required
def approve_waiting(competition_id: int) -> Response:
    """Approve everybody who waits."""
    competition, viewer = _managed(competition_id, Act.PARTICIPANT_DECIDE)
    count = memberships.approve_waiting(viewer, competition, now=now())
    message = ngettext("%(num)d person is approved.", "%(num)d people are approved.", count)
    return done(url_for(".participants", competition_id=competition_id), message=message)


@bp.get("/<int:competition_id>/manage")
@login_required
def manage(competition_id: int) -> Response:
    """Show the organizer what state the benchmark is in, and what they can change."""
    return _management(competition_id)


def _management(
    competition_id: int, form: GrantForm | None = None, status: int = 200, refusal: str = ""
) -> Response:
    competition, viewer = _managed(competition_id)
    form = form or GrantForm(
        data={
            "network": competition.grants_network,
            "writable_root": competition.grants_writable_root,
            "image_user": competition.grants_image_user,
            "memory_mib": competition.granted_memory_mib,
        }
    )
    return page(
        "competitions/manage.html", status=status, **_framed(competition, viewer, "manage"),
        form=form, refusal=refusal, can_grant=policy.can(viewer, Act.COMPETITION_GRANT, competition),
        counts=queries.count_participants(competition),
        reasons=queries.obstacles(competition, now=now()),
        rehearsals=[ask(competition.id) for ask in queries.rehearsed],
        default_memory_mib=settings().run_memory_mib,
        secret_link=url_for(".open_link", secret_key=competition.secret_key, _external=True),
        queue_form=_queue_form(competition, viewer),
        outlook=queues.outlook(competition.queue_id, now=now()),
    )  # fmt: skip


def _queue_form(competition: Competition, viewer: Viewer) -> QueueForm:
    form = QueueForm()
    offered = [one for one in routing.choices(viewer, competition) if not one.is_default]
    form.offer(offered, _("The default queue"), competition.queue_id)
    return form


@bp.post("/<int:competition_id>/publish")
@login_required
def publish(competition_id: int) -> Response:
    """Show the benchmark to everybody."""
    competition, viewer = _managed(competition_id, Act.COMPETITION_PUBLISH)
    try:
        services.publish(viewer, competition, now=now())
    except Refused as refusal:
        return _management(competition_id, status=refusal.status, refusal=_(refusal.message))
    url = url_for(".manage", competition_id=competition_id)
    return done(url, message=_("The benchmark is published."))


@bp.get("/<int:competition_id>/unpublish")
@login_required
def unpublish(competition_id: int) -> Response:
    """Ask before hiding the benchmark."""
    competition, viewer = _managed(competition_id, Act.COMPETITION_PUBLISH)
    return page("competitions/unpublish.html", **_framed(competition, viewer, "manage"))


@bp.post("/<int:competition_id>/unpublish")
@login_required
def unpublish_now(competition_id: int) -> Response:
    """Hide the benchmark from everybody but its participants and link holders."""
    competition, viewer = _managed(competition_id, Act.COMPETITION_PUBLISH)
    services.unpublish(viewer, competition)
    url = url_for(".manage", competition_id=competition_id)
    return done(url, message=_("The benchmark is no longer published."))


@bp.post("/<int:competition_id>/new-link")
@login_required
def new_link(competition_id: int) -> Response:
    """Replace the secret link."""
    competition, viewer = _managed(competition_id)
    memberships.replace_link(viewer, competition)
    url = url_for(".manage", competition_id=competition_id)
    return done(url, message=_("The old link opens nothing any more."))


@bp.post("/<int:competition_id>/grants")
@login_required
def grant(competition_id: int) -> Response:
    """Change what the containers of a benchmark may do."""
    competition, viewer = _managed(competition_id, Act.COMPETITION_GRANT)
    form = GrantForm(request.form)
    if not form.validate():
        return _management(competition_id, form, status=422)
    services.grant(
        viewer, competition, network=form.network.data, writable_root=form.writable_root.data,
        image_user=form.image_user.data, memory_mib=form.memory_mib.data,
    )  # fmt: skip
    url = url_for(".manage", competition_id=competition_id)
    return done(url, message=_("The grants are saved."))
