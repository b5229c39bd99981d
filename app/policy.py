"""Every permission rule in the product: who may do what to which thing.

Policy decides, services enforce, routes ask, templates obey. Nothing here reads the database: a
:class:`Viewer` brings what is known of the actor, the thing brings the rest, loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from app.bundles.models import BundleImport
from app.competitions.models import Competition, Leaderboard, Membership, Phase
from app.errors import Forbidden
from app.queues.models import ComputeQueue, Role
from app.resources.models import Solution, StoredFile, Task, TaskRole
from app.submissions.models import Submission


@dataclass(frozen=True)
class Viewer:
    """Whoever acts: nobody in particular (``user_id`` is None), or a person and their standing."""

    user_id: int | None = None
    username: str = ""
    is_staff: bool = False
    memberships: dict[int, str] = field(default_factory=dict)
    """Status (a :class:`Membership`) by competition id."""
    opened: frozenset[int] = frozenset()
    """Unpublished competitions whose secret link this browser followed."""

    @property
    def is_authenticated(self) -> bool:
        """Whether somebody is logged in."""
        return self.user_id is not None


ANONYMOUS = Viewer()

Resource = StoredFile | Task | Solution
Thing = (
    Competition | Phase | Leaderboard | Submission | Resource | ComputeQueue | BundleImport | None
)
Predicate = Callable[[Viewer, Thing], bool]


class Act(StrEnum):
    """Everything that is asked about, ``<noun>:<verb>``; alphabetical."""

    ACCOUNT_MATCH = "account:match"
    BOARD_VIEW = "board:view"
    BUNDLE_IMPORT = "bundle:import"
    COMPETITION_ARCHIVE = "competition:archive"
    COMPETITION_CREATE = "competition:create"
    COMPETITION_EDIT = "competition:edit"
    COMPETITION_GRANT = "competition:grant"
    COMPETITION_PUBLISH = "competition:publish"
    COMPETITION_REGISTER = "competition:register"
    COMPETITION_VIEW = "competition:view"
    ENTRY_CHANGE = "entry:change"
    FILE_CHANGE = "file:change"
    FILE_EDIT = "file:edit"
    FILE_UPLOAD = "file:upload"
    FILE_USE = "file:use"
    FILE_VIEW = "file:view"
    IMPORT_VIEW = "import:view"
    PARTICIPANT_DECIDE = "participant:decide"
    QUEUE_CREATE = "queue:create"
    QUEUE_EDIT = "queue:edit"
    QUEUE_SHARE = "queue:share"
    QUEUE_USE = "queue:use"
    QUEUE_VIEW = "queue:view"
    QUOTA_SET = "quota:set"
    SOLUTION_USE = "solution:use"
    STYLEGUIDE_VIEW = "styleguide:view"
    SUBMISSION_CANCEL = "submission:cancel"
    SUBMISSION_CREATE = "submission:create"
    SUBMISSION_MOVE = "submission:move"
    SUBMISSION_RUN = "submission:run"
    SUBMISSION_VIEW = "submission:view"
    SUBMISSION_VIEW_OUTPUTS = "submission:view-outputs"
    SUBMISSION_VIEW_SCORES = "submission:view-scores"
    TASK_CREATE = "task:create"
    TASK_EDIT = "task:edit"
    TASK_SHARE = "task:share"
    TASK_USE = "task:use"
    TASK_VIEW = "task:view"


def _competition(thing: Thing) -> Competition | None:
    if isinstance(thing, Competition):
        return thing
    if isinstance(thing, Phase):
        return thing.competition
    if isinstance(thing, Submission):
        return thing.phase.competition
    return None


def _signed_in(viewer: Viewer, _thing: Thing) -> bool:
    return viewer.is_authenticated


def _staff(viewer: Viewer, _thing: Thing) -> bool:
    return viewer.is_staff


def _owner(viewer: Viewer, thing: Thing) -> bool:
    if not isinstance(thing, Submission | Resource | BundleImport):
        return False
    if isinstance(thing, Submission) and thing.is_trial:
        return False  # a trial is the organizers': its task may be one that nobody should know of
    return viewer.user_id is not None and thing.owner_id == viewer.user_id


def _organizer(viewer: Viewer, thing: Thing) -> bool:
    competition = _competition(thing)
    return (
        competition is not None
        and viewer.user_id is not None
        and competition.owner_id == viewer.user_id
    )


def _participant(viewer: Viewer, thing: Thing) -> bool:
    competition = _competition(thing)
    return (
        competition is not None
        and viewer.memberships.get(competition.id) == Membership.APPROVED
        and (competition.is_published or _organizer(viewer, thing))
    )


def _former_visitor(viewer: Viewer, thing: Thing) -> bool:
    """An approved participant still sees a competition that was unpublished."""
    competition = _competition(thing)
    return competition is not None and viewer.memberships.get(competition.id) == Membership.APPROVED


def _published(_viewer: Viewer, thing: Thing) -> bool:
    competition = _competition(thing)
    return competition is not None and competition.is_published


def _link_holder(viewer: Viewer, thing: Thing) -> bool:
    competition = _competition(thing)
    return competition is not None and competition.id in viewer.opened


def _member_to_be(viewer: Viewer, thing: Thing) -> bool:
    return viewer.is_authenticated and (_published(viewer, thing) or _link_holder(viewer, thing))


def _owner_who_may_see_outputs(viewer: Viewer, thing: Thing) -> bool:
    return isinstance(thing, Submission) and _owner(viewer, thing) and not thing.phase.hide_output


def _owner_who_may_see_scores(viewer: Viewer, thing: Thing) -> bool:
    return isinstance(thing, Submission) and _owner(viewer, thing) and not thing.phase.hide_results


def _shared(_viewer: Viewer, thing: Thing) -> bool:
    return isinstance(thing, StoredFile | Task) and thing.is_public


def _task_member(viewer: Viewer, thing: Thing) -> bool:
    """Ask with its shares loaded."""
    return isinstance(thing, Task) and viewer.user_id in {one.user_id for one in thing.shares}


def _task_user(viewer: Viewer, thing: Thing) -> bool:
    return isinstance(thing, Task) and (viewer.user_id, TaskRole.USE) in {
        (one.user_id, one.role) for one in thing.shares
    }


def _queue_owner(viewer: Viewer, thing: Thing) -> bool:
    return (
        isinstance(thing, ComputeQueue)
        and viewer.user_id is not None
        and thing.owner_id == viewer.user_id
    )


def _queue_member(viewer: Viewer, thing: Thing) -> bool:
    """Ask with its members loaded."""
    return isinstance(thing, ComputeQueue) and viewer.user_id in {
        member.user_id for member in thing.members
    }


def _queue_collaborator(viewer: Viewer, thing: Thing) -> bool:
    return isinstance(thing, ComputeQueue) and (viewer.user_id, Role.COLLABORATOR) in {
        (member.user_id, member.role) for member in thing.members
    }


def _open_to_all(viewer: Viewer, thing: Thing) -> bool:
    return (
        isinstance(thing, ComputeQueue)
        and viewer.is_authenticated
        and (thing.is_default or thing.is_public)
        and thing.retired_at is None
    )


def _queue_to_run_on(viewer: Viewer, thing: Thing) -> bool:
    """A retired queue takes no benchmark, whoever asks."""
    mine = (_open_to_all, _queue_owner, _queue_member, _staff)
    return (
        isinstance(thing, ComputeQueue)
        and thing.retired_at is None
        and any(predicate(viewer, thing) for predicate in mine)
    )


def _visible_board(viewer: Viewer, thing: Thing) -> bool:
    """Ask with the phase; its board must be loaded."""
    return (
        isinstance(thing, Phase)
        and thing.leaderboard is not None
        and not thing.leaderboard.is_hidden
        and not thing.hide_results
        and can(viewer, Act.COMPETITION_VIEW, thing.competition)
    )


RULES: dict[Act, tuple[Predicate, ...]] = {
    Act.ACCOUNT_MATCH: (_staff,),
    Act.BOARD_VIEW: (_visible_board, _organizer, _staff),
    Act.BUNDLE_IMPORT: (_signed_in,),
    Act.COMPETITION_ARCHIVE: (_organizer, _staff),
    Act.COMPETITION_CREATE: (_signed_in,),
    Act.COMPETITION_EDIT: (_organizer, _staff),
    Act.COMPETITION_GRANT: (_staff,),
    Act.COMPETITION_PUBLISH: (_organizer, _staff),
    Act.COMPETITION_REGISTER: (_member_to_be, _organizer),
    Act.COMPETITION_VIEW: (_published, _organizer, _former_visitor, _link_holder, _staff),
    Act.ENTRY_CHANGE: (_owner, _organizer, _staff),
    Act.FILE_CHANGE: (_owner,),
    Act.FILE_EDIT: (_owner, _staff),
    Act.FILE_UPLOAD: (_signed_in,),
    Act.FILE_USE: (_owner, _shared),
    Act.FILE_VIEW: (_owner, _shared, _staff),
    Act.IMPORT_VIEW: (_owner, _staff),
    Act.PARTICIPANT_DECIDE: (_organizer, _staff),
    Act.QUEUE_CREATE: (_signed_in,),
    Act.QUEUE_EDIT: (_queue_owner, _queue_collaborator, _staff),
    Act.QUEUE_SHARE: (_queue_owner, _staff),
    Act.QUEUE_USE: (_queue_to_run_on,),
    Act.QUEUE_VIEW: (_open_to_all, _queue_owner, _queue_member, _staff),
    Act.QUOTA_SET: (_staff,),
    Act.SOLUTION_USE: (_owner,),
    Act.STYLEGUIDE_VIEW: (_staff,),
    Act.SUBMISSION_CANCEL: (_owner, _organizer, _staff),
    Act.SUBMISSION_CREATE: (_participant,),
    Act.SUBMISSION_MOVE: (_organizer, _staff),
    Act.SUBMISSION_RUN: (_organizer, _staff),
    Act.SUBMISSION_VIEW: (_owner, _organizer, _staff),
    Act.SUBMISSION_VIEW_OUTPUTS: (_owner_who_may_see_outputs, _organizer, _staff),
    Act.SUBMISSION_VIEW_SCORES: (_owner_who_may_see_scores, _organizer, _staff),
    Act.TASK_CREATE: (_signed_in,),
    Act.TASK_EDIT: (_owner,),
    Act.TASK_SHARE: (_owner, _staff),
    Act.TASK_USE: (_owner, _shared, _task_user),
    Act.TASK_VIEW: (_owner, _shared, _task_member, _staff),
}
"""Any predicate that holds is enough; an act without a row is allowed to nobody."""


def can(viewer: Viewer, act: Act, thing: Thing = None) -> bool:
    """Return whether the viewer may do the act to the thing."""
    return any(predicate(viewer, thing) for predicate in RULES[act])


def require(viewer: Viewer, act: Act, thing: Thing = None) -> None:
    """Raise unless the viewer may do the act.

    Raises:
        Forbidden: the viewer may not.
    """
    if not can(viewer, act, thing):
        raise Forbidden(_REFUSALS.get(act, "You may not do this."))


_REFUSALS = {
    Act.ACCOUNT_MATCH: "Only an administrator gives submissions to accounts by their addresses.",
    Act.BUNDLE_IMPORT: "Log in to upload a bundle.",
    Act.COMPETITION_CREATE: "Log in to make a benchmark.",
    Act.COMPETITION_GRANT: "Only an administrator grants this.",
    Act.FILE_CHANGE: "This file is somebody else's.",
    Act.FILE_EDIT: "Only the owner of this file may change it.",
    Act.FILE_UPLOAD: "Log in to upload a file.",
    Act.QUOTA_SET: "Only an administrator sees and sets the quota of others.",
    Act.SUBMISSION_CREATE: "Only approved participants may submit. Register for the benchmark first.",
    Act.PARTICIPANT_DECIDE: "Only the organizers decide who takes part.",
    Act.COMPETITION_PUBLISH: "Only the organizers may publish or unpublish this benchmark.",
    Act.QUEUE_CREATE: "Log in to make a queue.",
    Act.QUEUE_EDIT: "Only the owner of this queue and its collaborators may change it.",
    Act.QUEUE_SHARE: "Only the owner of this queue may do this.",
    Act.TASK_CREATE: "Log in to make a task.",
    Act.TASK_EDIT: "Only the owner of this task may change it.",
    Act.TASK_SHARE: "Only the owner of this task may do this.",
    Act.TASK_USE: "This task is not yours to use. Ask its owner to share it with you.",
    Act.QUEUE_USE: "This queue is not yours to use. Ask its owner to share it with you.",
}
