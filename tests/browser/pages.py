"""Every page of the site, in each of its states, as somebody sees it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.browser.world import World

VISITOR = ""


@dataclass(frozen=True)
class Page:
    """One page in one state."""

    name: str
    endpoint: str
    """Empty for an address that leads nowhere."""
    who: str = VISITOR
    arguments: dict[str, object] = field(default_factory=dict)
    """For its address; a text may be the name of an id in ``World.ids``."""
    status: int = 200

    def path(self, world: World) -> str:
        """Return its address."""
        return world.path(self.endpoint, **self.arguments) if self.endpoint else "/nowhere"


def _of(competition: str) -> dict[str, object]:
    return {"competition_id": competition}


def _on(phase: str, **more: object) -> dict[str, object]:
    return {"phase_id": f"{phase} phase", **more}


def _queue(**more: object) -> dict[str, object]:
    return {"queue_id": "queue", **more}


PAGES = (
    Page("front", "home.index"),
    Page("front-logged-in", "home.index", "petra"),
    Page("style-guide", "home.styleguide", "rita"),
    Page("not-found", "", status=404),
    Page("not-found-logged-in", "", "petra", status=404),
    Page("forbidden", "competitions.manage", "pavel", _of("demo"), status=403),
    Page("log-in", "accounts.log_in"),
    Page("sign-up", "accounts.sign_up"),
    Page("signed-up", "accounts.signed_up"),
    Page("account", "accounts.account", "pavel"),
    Page("benchmarks", "competitions.listing"),
    Page("benchmarks-nothing-found", "competitions.listing", "petra", {"q": "qqq"}),
    Page("mine-organizer", "competitions.mine", "olga"),
    Page("mine-empty", "competitions.mine", "petra"),
    Page("overview", "competitions.detail", VISITOR, _of("demo")),
    Page("overview-rail", "competitions.detail", "pavel", _of("ward")),
    Page("overview-draft", "competitions.detail", "olga", _of("draft")),
    Page("overview-page", "competitions.detail", "wanda", {**_of("ward"), "page_id": "ward page"}),
    Page("terms", "competitions.terms", VISITOR, _of("ward")),
    Page("phases", "competitions.phases", VISITOR, _of("demo")),
    Page("data", "competitions.data", "pavel", _of("demo")),
    Page("data-organizer", "competitions.data", "olga", _of("demo")),
    Page("data-visitor", "competitions.data", VISITOR, _of("demo")),
    Page("register", "competitions.register", "petra", _of("ward")),
    Page("register-waiting", "competitions.register", "wanda", _of("ward")),
    Page("register-declined", "competitions.register", "dora", _of("ward")),
    Page("participants", "competitions.participants", "olga", _of("ward")),
    Page(
        "participants-none",
        "competitions.participants",
        "olga",
        {**_of("demo"), "status": "denied"},
    ),
    Page("manage", "competitions.manage", "olga", _of("demo")),
    Page("manage-draft", "competitions.manage", "olga", _of("draft")),
    Page("manage-staff", "competitions.manage", "rita", _of("ward")),
    Page("unpublish", "competitions.unpublish", "olga", _of("demo")),
    Page("dumps", "dumps.listing", "olga", _of("demo")),
    Page("dumps-none", "dumps.listing", "olga", _of("draft")),
    Page("queues", "queues.listing", "olga"),
    Page("queues-none", "queues.listing", "petra"),
    Page("queue", "queues.detail", "olga", _queue()),
    Page("queue-collaborator", "queues.detail", "wanda", _queue()),
    Page("queue-guide", "queues.guide", "petra"),
    Page("queue-new", "queues.new", "petra"),
    Page("queue-edit", "queues.edit", "olga", _queue()),
    Page("queue-retire", "queues.retire", "olga", _queue()),
    Page("machine-new", "queues.new_machine", "olga", _queue()),
    Page("machine-rotate", "queues.rotate", "olga", _queue(machine_id="machine")),
    Page("machine-revoke", "queues.revoke", "olga", _queue(machine_id="machine")),
    Page("files", "library.listing", "olga"),
    Page("files-none", "library.listing", "petra"),
    Page("files-nothing-found", "library.listing", "olga", {"q": "qqq", "whose": "public"}),
    Page("file", "library.detail", "olga", {"key": "file"}),
    Page("file-new", "library.new", "petra"),
    Page("file-new-version", "library.new", "olga", {"replaces": "file"}),
    Page("file-edit", "library.edit", "olga", {"key": "file"}),
    Page("file-public", "library.confirm_public", "olga", {"key": "unused file"}),
    Page("file-stays-private", "library.confirm_public", "olga", {"key": "file"}),
    Page("file-delete", "library.confirm_delete", "olga", {"key": "unused file"}),
    Page("file-in-use", "library.confirm_delete", "olga", {"key": "file"}),
    Page("space", "space.overview", "olga"),
    Page("space-none", "space.overview", "petra"),
    Page("space-staff", "space.overview", "rita", {"person": "olga"}),
    Page("kept-submissions", "kept_submissions.listing", "pavel"),
    Page("kept-submissions-none", "kept_submissions.listing", "petra"),
    Page("kept-submissions-nothing-found", "kept_submissions.listing", "pavel", {"q": "qqq"}),
    Page("kept-bundles", "kept_bundles.listing", "olga"),
    Page("kept-bundles-none", "kept_bundles.listing", "petra"),
    Page("clear-files", "space.confirm_clear", "olga", {"group": "files"}),
    Page("tasks", "tasks.listing", "olga"),
    Page("tasks-none", "tasks.listing", "rita"),
    Page("tasks-nothing-found", "tasks.listing", "olga", {"q": "qqq", "whose": "public"}),
    Page("task", "tasks.detail", "olga", {"key": "task"}),
    Page("task-new", "tasks.new", "olga"),
    Page("task-upload", "task_zips.new", "olga"),
    Page("task-kit", "kits.new", "olga", {"key": "task"}),
    Page("task-edit", "tasks.edit", "olga", {"key": "task"}),
    Page("task-public", "tasks.confirm_public", "olga", {"key": "task"}),
    Page("task-in-use", "tasks.confirm_delete", "olga", {"key": "task"}),
    Page("datasets", "datasets.listing"),
    Page("dataset", "datasets.detail", VISITOR, {"key": "public file"}),
    Page("bundle", "bundles.new", "petra"),
    Page("bundle-earlier", "bundles.new", "olga"),
    Page("import", "bundles.detail", "olga", {"import_id": "import"}),
    Page("import-failed", "bundles.detail", "olga", {"import_id": "failed import"}),
    Page("submit", "submissions.new", "pavel", _of("demo")),
    Page("submit-visitor", "submissions.new", VISITOR, _of("demo")),
    Page("submit-waiting", "submissions.new", "wanda", _of("ward")),
    Page("review", "submissions.review", "pavel", _on("demo", file="upload")),
    Page("review-questions", "submissions.review", "pavel", _on("ward", file="upload")),
    Page("submissions", "submissions.mine", "pavel", _of("demo")),
    Page("submissions-none", "submissions.mine", "petra", _of("demo")),
    Page("submissions-all", "submissions.everyone", "olga", _of("demo")),
    Page("server-status", "activity.status", "pavel"),
    Page("server-status-staff", "activity.status", "rita", {"show": "ended"}),
    Page("submissions-waiting", "organizing.waiting", "olga", _of("ward")),
    Page("submissions-waiting-none", "organizing.waiting", "olga", _of("demo")),
    Page("submissions-outdated-none", "organizing.outdated", "olga", _of("demo")),
    Page("submissions-move-none", "organizing.confirm_move", "olga", _of("demo")),
    Page("rerun", "organizing.confirm_rerun", "olga", {**_of("demo"), "id": "finished"}),
    Page("rerun-phase", "organizing.confirm_phase_rerun", "olga", _on("demo")),
    Page("rehearsal", "rehearsal.detail", "olga", _of("demo")),
    Page("phases-manage", "organizing.phases", "olga", _of("demo")),
    Page("phases-manage-two", "organizing.phases", "olga", _of("choosing")),
    Page("migration", "organizing.confirm_migration", "olga", _on("choosing")),
    Page("submission-finished", "submissions.detail", "pavel", {"submission_id": "finished"}),
    Page("submission-failed", "submissions.detail", "pavel", {"submission_id": "failed"}),
    Page("submission-held", "submissions.detail", "olga", {"submission_id": "held"}),
    Page("submission-cancelled", "submissions.detail", "pavel", {"submission_id": "cancelled"}),
    Page("cancel", "submissions.cancel", "pavel", {"submission_id": "held"}),
    Page("detailed-results", "submissions.detailed_results", VISITOR, {"run_id": "finished run"}),
    Page("board", "leaderboards.board", VISITOR, _on("demo")),
    Page("board-own", "leaderboards.board", "pavel", _on("demo")),
    Page("board-choosing", "leaderboards.board", "pavel", _on("choosing")),
    Page("board-index", "leaderboards.index", VISITOR, _of("choosing")),
    Page("board-hidden", "leaderboards.board", VISITOR, _on("ward"), status=403),
)

NOT_PAGES = {
    "static": "files",
    "rehearsal.status": "a fragment of rehearsal.detail",
    "bundles.status": "a fragment of bundles.detail",
    "dumps.download": "a file",
    "dumps.status": "a fragment of dumps.listing",
    "competitions.open_link": "leads to competitions.detail",
    "home.favicon": "a picture",
    "home.health": "JSON",
    "home.robots": "text",
    "leaderboards.board_json": "JSON",
    "queues.machine_list": "a fragment of queues.detail",
    "library.status": "a fragment of library.detail",
    "live.log_text": "a file",
    "live.newest_results": "a fragment of submissions.detailed_results",
    "live.poll": "pieces of submissions.detail",
    "provenance.document": "JSON",
    "resources.download": "a file",
    "resources.media": "a picture",
    "submissions.detailed_results_content": "stands in a frame of submissions.detailed_results",
    "submissions.file": "a file",
    "submissions.output": "a file",
}
"""Routes that answer GET with something else than a page, and what that is."""
