"""Pages of queues: lists, one queue, who shares it, and its machines."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from app import policy
from app.errors import AppError, Forbidden, Invalid, Refused
from app.platform.clock import now
from app.platform.paging import page_number
from app.platform.web import done, invalid, page, poll
from app.policy import Act, Viewer
from app.queues import guide as how_to
from app.queues import machines, queries, services
from app.queues.forms import MachineForm, MemberForm, QueueForm
from app.queues.models import ComputeQueue
from app.queues.services import InvalidQueue

bp = Blueprint("queues", __name__, url_prefix="/queues")


def _viewer() -> Viewer:
    """Return who asks; what they take part in matters to no rule about queues themselves.

    Benchmarks and runs on a page of a queue are looked up by whoever shows them.
    """
    return Viewer(current_user.id, current_user.username, current_user.is_staff)


def _kept(queue_id: int, act: Act = Act.QUEUE_EDIT) -> tuple[ComputeQueue, Viewer]:
    """Return a queue that the person who asks may do something to."""
    who = _viewer()
    queue = queries.get(queue_id, who)
    policy.require(who, act, queue)
    return queue, who


@bp.get("/")
@login_required
def listing() -> Response:
    """List one's own queues, those shared with one, and everybody's."""
    who = _viewer()
    number = page_number(request.args.get("page"))
    return page(
        "queues/listing.html",
        mine=queries.mine(who, now=now()),
        others=queries.others(who, number, now=now()),
    )


@bp.get("/how-to-add-a-machine")
@login_required
def guide() -> Response:
    """Show how a machine is added, to read beside its secrets."""
    return page("queues/guide.html", guide=how_to.text())


@bp.get("/new")
@login_required
def new() -> Response:
    """Ask for a new queue's name."""
    return page("queues/form.html", form=QueueForm(), queue=None, can_share=True)


@bp.post("/new")
@login_required
def create() -> Response:
    """Make a queue."""
    form = QueueForm(request.form)
    if form.validate():
        try:
            queue = services.make(_viewer(), form.draft(), now=now())
        except AppError as refusal:
            _explain(form, refusal)
        else:
            message = _("The queue is made. Add a machine to it.")
            return done(url_for(".detail", queue_id=queue.id), message=message)
    return invalid("queues/form.html", form=form, queue=None, can_share=True)


def _explain(form: QueueForm, refusal: AppError) -> None:
    if isinstance(refusal, Forbidden):
        raise refusal
    found = refusal.found if isinstance(refusal, InvalidQueue) else {"name": refusal.message}
    for field, sentence in found.items():
        form.refuse(field, _(sentence))


@bp.get("/<int:queue_id>")
@login_required
def detail(queue_id: int) -> Response:
    """Show a queue: its machines, who shares it, what runs on it."""
    return _shown(queue_id, MemberForm())


def _shown(queue_id: int, form: MemberForm, status: int = 200) -> Response:
    who = _viewer()
    queue = queries.get(queue_id, who)
    return page(
        "queues/detail.html", fragment="queues/_members.html" if status == 422 else "",
        status=status, queue=queue, form=form, role=queries.role_of(queue, who),
        rows=queries.machine_rows(queue, who, now=now()), using=queries.using(queue, who),
        waiting=queries.count_waiting(queue),
        can_edit=policy.can(who, Act.QUEUE_EDIT, queue),
        can_share=policy.can(who, Act.QUEUE_SHARE, queue),
    )  # fmt: skip


@bp.get("/<int:queue_id>/edit")
@login_required
def edit(queue_id: int) -> Response:
    """Show what can be changed."""
    queue, who = _kept(queue_id)
    form = QueueForm(
        data={
            "name": queue.name,
            "is_public": queue.is_public,
            "max_running_per_person": queue.max_running_per_person,
        }
    )
    can_share = policy.can(who, Act.QUEUE_SHARE, queue)
    return page("queues/form.html", form=form, queue=queue, can_share=can_share)


@bp.post("/<int:queue_id>/edit")
@login_required
def save(queue_id: int) -> Response:
    """Change a queue."""
    queue, who = _kept(queue_id)
    form = QueueForm(request.form)
    can_share = policy.can(who, Act.QUEUE_SHARE, queue)
    if not can_share:
        form.is_public.data = queue.is_public  # its box is not on this person's page
    if form.validate():
        try:
            moved = services.edit(who, queue, form.draft())
        except AppError as refusal:
            _explain(form, refusal)
        else:
            return done(url_for(".detail", queue_id=queue.id), message=_moved(moved))
    return invalid("queues/form.html", form=form, queue=queue, can_share=can_share)


def _moved(count: int) -> str:
    if not count:
        return str(_("Saved."))
    message = ngettext(
        "Saved. %(num)d benchmark of somebody who may not use this queue now runs on the default queue.",
        "Saved. %(num)d benchmarks of people who may not use this queue now run on the default queue.",
        count,
    )
    return str(message)


@bp.post("/<int:queue_id>/members")
@login_required
def share(queue_id: int) -> Response:
    """Share a queue with somebody; htmx gets the changed list."""
    queue, who = _kept(queue_id, Act.QUEUE_SHARE)
    form = MemberForm(request.form)
    if not form.validate():
        return _shown(queue_id, form, 422)
    try:
        services.share(who, queue, form.name.data, form.role.data, now=now())
    except Invalid as refusal:
        form.refuse("name", _(refusal.message))
        return _shown(queue_id, form, 422)
    return _members(queue, who, _("Saved."))


@bp.post("/<int:queue_id>/members/<int:user_id>/remove")
@login_required
def unshare(queue_id: int, user_id: int) -> Response:
    """Take somebody off a queue, or oneself."""
    who = _viewer()
    queue = queries.get(queue_id, who)
    moved = services.unshare(who, queue, user_id)
    if user_id == who.user_id:
        return done(url_for(".listing"), message=_moved(moved))
    return _members(queue, who, _moved(moved))


def _members(queue: ComputeQueue, who: Viewer, message: str) -> Response:
    queries.refresh_members(queue)
    return done(
        url_for(".detail", queue_id=queue.id), fragment="queues/_members.html", message=message,
        queue=queue, form=MemberForm(), can_share=policy.can(who, Act.QUEUE_SHARE, queue),
    )  # fmt: skip


@bp.get("/<int:queue_id>/retire")
@login_required
def retire(queue_id: int) -> Response:
    """Ask before closing a queue for good."""
    queue, _who = _kept(queue_id, Act.QUEUE_SHARE)
    return page("queues/retire.html", queue=queue)


@bp.post("/<int:queue_id>/retire")
@login_required
def retire_now(queue_id: int) -> Response:
    """Close a queue for good."""
    queue, who = _kept(queue_id, Act.QUEUE_SHARE)
    services.retire(who, queue, now=now())
    return done(url_for(".detail", queue_id=queue.id), message=_("The queue is retired."))


@bp.get("/<int:queue_id>/machines")
@login_required
def machine_list(queue_id: int) -> Response:
    """Show the machines again; asked for while one is being set up."""
    who = _viewer()
    queue = queries.get(queue_id, who)
    rows = queries.machine_rows(queue, who, now=now())
    return poll(
        url_for(".detail", queue_id=queue.id), fragment="queues/_machines.html", queue=queue,
        rows=rows, can_edit=policy.can(who, Act.QUEUE_EDIT, queue),
        over=not any(row.is_being_set_up for row in rows),
    )  # fmt: skip


@bp.get("/<int:queue_id>/machines/new")
@login_required
def new_machine(queue_id: int) -> Response:
    """Ask for the machine's name."""
    queue, _who = _kept(queue_id)
    return page("queues/machine_new.html", queue=queue, form=MachineForm())


@bp.post("/<int:queue_id>/machines/new")
@login_required
def add_machine(queue_id: int) -> Response:
    """Add a machine and show its secrets, this once."""
    queue, who = _kept(queue_id)
    form = MachineForm(request.form)
    if form.validate():
        try:
            access = machines.add(who, queue, form.name.data, now=now())
        except (Invalid, Refused) as refusal:
            form.refuse("name", _(refusal.message))
        else:
            # No redirect: the next page could not know what is kept nowhere.
            return page("queues/access.html", queue=queue, access=access, is_new=True)
    return invalid("queues/machine_new.html", queue=queue, form=form)


@bp.get("/<int:queue_id>/machines/<int:machine_id>/rotate")
@login_required
def rotate(queue_id: int, machine_id: int) -> Response:
    """Ask before making new secrets."""
    queue, _who = _kept(queue_id)
    return page("queues/rotate.html", queue=queue, machine=queries.get_machine(queue, machine_id))


@bp.post("/<int:queue_id>/machines/<int:machine_id>/rotate")
@login_required
def rotate_now(queue_id: int, machine_id: int) -> Response:
    """Make new secrets and show them, this once."""
    queue, who = _kept(queue_id)
    machine = queries.get_machine(queue, machine_id)
    access = machines.rotate(who, queue, machine, now=now())
    return page("queues/access.html", queue=queue, access=access, is_new=False)


@bp.get("/<int:queue_id>/machines/<int:machine_id>/revoke")
@login_required
def revoke(queue_id: int, machine_id: int) -> Response:
    """Ask before ending a machine's access."""
    queue, _who = _kept(queue_id)
    return page("queues/revoke.html", queue=queue, machine=queries.get_machine(queue, machine_id))


@bp.post("/<int:queue_id>/machines/<int:machine_id>/revoke")
@login_required
def revoke_now(queue_id: int, machine_id: int) -> Response:
    """End a machine's access."""
    queue, who = _kept(queue_id)
    machine = queries.get_machine(queue, machine_id)
    machines.revoke(who, queue, machine, now=now())
    message = _("%(name)s has no access any more. Its worker ends by itself.", name=machine.name)
    return done(url_for(".detail", queue_id=queue.id), message=message)
