"""What must hold after any fault, as SQL on the rows and a look into the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from minio import Minio
from minio.error import S3Error
from sqlalchemy import bindparam, create_engine, text
from sqlalchemy.engine import Connection

GRACE = timedelta(seconds=10)
"""How long after its time a lost run may wait for the next round."""
TERMINAL = "('finished', 'failed', 'cancelled')"

QUERIES = {
    "a running run whose lease is over, and nobody reacted": """
        select r.id from runs r
        left join attempts a on a.run_id = r.id and a.number = r.attempt
        where r.state = 'running' and (a.lease_until is null or a.lease_until < :late)""",
    "a run that was sent long ago and not claimed, while its queue's machines have nothing to do": """
        select r.id from runs r where r.state = 'sent' and (r.sent_at is null or r.sent_at < :late)
        and not exists (select 1 from runs o where o.queue_id = r.queue_id and o.state = 'running')""",
    "a run that ended badly without a reason": """
        select id from runs where state in ('failed', 'cancelled') and coalesce(reason, '') = ''""",
    "a submission that ended badly without a reason": """
        select id from submissions
        where state in ('failed', 'cancelled') and coalesce(reason, '') = ''""",
    "a finished run with a reason, or a run that ended without a time": f"""
        select id from runs
        where (state = 'finished' and reason <> '') or (state in {TERMINAL} and ended_at is null)""",
    "a submission that is over while a run is not, or the other way round": f"""
        select s.id from submissions s where s.state <> 'held' and (s.state in {TERMINAL}) =
        exists (select 1 from runs r where r.submission_id = s.id and r.state not in {TERMINAL})""",
    "a score of a run that did not finish": """
        select s.run_id from run_scores s join runs r on r.id = s.run_id
        where r.state <> 'finished'""",
    "two scores of one column": """
        select run_id from run_scores group by run_id, column_id having count(*) > 1""",
    "a finished run without exactly one attempt that ended well": """
        select r.id from runs r where r.state = 'finished' and 1 <> (
            select count(*) from attempts a where a.run_id = r.id and a.outcome = 'finished'
            and a.number = r.attempt and not a.is_failure)""",
    "an old attempt that finished": """
        select a.id from attempts a join runs r on r.id = a.run_id
        where a.outcome = 'finished' and a.number <> r.attempt""",
    "an attempt that is open although it is not the one that counts": f"""
        select a.id from attempts a join runs r on r.id = a.run_id
        where a.ended_at is null and (a.number <> r.attempt or r.state in {TERMINAL})""",
    "an output of an old attempt": """
        select o.run_id from run_outputs o join runs r on r.id = o.run_id
        where o.attempt <> r.attempt""",
    "attempts with a gap in their numbers": """
        select r.id from runs r where r.attempt <> (
            select count(*) from attempts a where a.run_id = r.id)""",
    "a counter that does not say how many tries a day were used": """
        select c.owner_id from submission_counts c where c.day <> '1970-01-01' and c.used <> (
            select count(*) from submissions s where s.phase_id = c.phase_id
            and s.owner_id = c.owner_id and s.counted_on = c.day)""",
    "a counter that does not say how many tries of a phase were used": """
        select c.owner_id from submission_counts c where c.day = '1970-01-01' and c.used <> (
            select count(*) from submissions s where s.phase_id = c.phase_id
            and s.owner_id = c.owner_id and s.counted_on is not null)""",
    "more tries used than there are": """
        select c.owner_id from submission_counts c join phases p on p.id = c.phase_id
        where (c.day <> '1970-01-01' and p.max_submissions_per_day > 0
            and c.used > p.max_submissions_per_day)
        or (c.day = '1970-01-01' and p.max_submissions_per_person > 0
            and c.used > p.max_submissions_per_person)""",
    "a try used by a failure of the platform": """
        select id from submissions where blame = 'platform' and counted_on is not null""",
    "a submission without its file": """
        select s.id from submissions s join stored_files f on f.id = s.file_id
        where not f.is_complete or f.size_bytes <= 0""",
}
"""Each must answer no row."""

_OBJECTS = """
    select bucket, object_key, size_bytes, 'file' from stored_files where is_complete
    union all
    select bucket, object_key, size_bytes, 'output' from run_outputs"""


def assert_invariants(database_url: str, s3: Mapping[str, str]) -> None:
    """Fail with every invariant that is broken.

    Args:
        s3: ``s3_url``, ``s3_access_key`` and ``s3_secret_key``.
    """
    broken = broken_invariants(database_url, s3)
    assert not broken, "\n".join(broken)


def broken_invariants(database_url: str, s3: Mapping[str, str]) -> list[str]:
    """Return a sentence for each invariant that is broken, with ids.

    Args:
        s3: ``s3_url``, ``s3_access_key`` and ``s3_secret_key``.
    """
    engine = create_engine(database_url)
    try:
        with engine.connect() as connection:
            return _broken(connection) + _missing(connection, s3)
    finally:
        engine.dispose()


def _broken(connection: Connection) -> list[str]:
    found = []
    for sentence, query in QUERIES.items():
        statement = text(query)
        values = {}
        if ":late" in query:
            statement = statement.bindparams(bindparam("late"))
            late = datetime.now(UTC) - GRACE
            values["late"] = late if connection.dialect.name != "sqlite" else _for_sqlite(late)
        if rows := connection.execute(statement, values).fetchall():
            found.append(f"{sentence}: {[row[0] for row in rows][:20]}")
    return found


def _for_sqlite(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ")


def _missing(connection: Connection, s3: Mapping[str, str]) -> list[str]:
    parts = urlsplit(s3["s3_url"])
    store = Minio(
        parts.netloc, s3["s3_access_key"], s3["s3_secret_key"], secure=False, region="us-east-1"
    )
    found = []
    for bucket, key, size, kind in connection.execute(text(_OBJECTS)):
        try:
            stored = store.stat_object(bucket, key).size
        except S3Error:
            stored = None
        if stored != size:
            found.append(f"a {kind} whose object is not there whole: {key} ({stored}, not {size})")
    return found
