"""Scores to ranks: how entries are ordered, and which of an owner's submissions become entries."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from app.competitions.drafts import Computation, SubmissionRule
from app.leaderboards.scheme import Scheme

T = TypeVar("T")

PRESENT, MISSING = b"\x00", b"\x01"
"""First byte of each column in a sort key, so that a missing score stands last either way."""


def sort_key(overall: Mapping[str, float], scheme: Scheme) -> bytes:
    """Encode scores so that comparing bytes compares as the board ranks: smaller stands higher.

    Nine bytes for each comparing column: a flag that puts missing scores last, then the number,
    turned over where larger is better. Equal scores give equal keys.
    """
    return b"".join(
        _column_key(overall.get(column.key), descending=column.is_descending)
        for column in scheme.comparing
    )


def _column_key(value: float | None, *, descending: bool) -> bytes:
    if value is None:
        return MISSING + bytes(8)
    return PRESENT + number_bytes(value, descending=descending)


def number_bytes(value: float, *, descending: bool = False) -> bytes:
    """Encode a finite number in 8 bytes that compare as the numbers do.

    Source: IEEE 754 binary64 compares as an unsigned integer once the sign bit is turned over, and
    every other bit of a negative number too.
    """
    (bits,) = struct.unpack(">Q", struct.pack(">d", value + 0.0))  # -0.0 + 0.0 is 0.0
    ordered = ~bits if bits >> 63 else bits | 1 << 63
    return struct.pack(">Q", (~ordered if descending else ordered) & 0xFFFF_FFFF_FFFF_FFFF)


def ranked(
    rows: Iterable[T], key: Callable[[T], bytes], *, offset: int = 0, first_rank: int = 1
) -> Iterator[tuple[int, T]]:
    """Rank consecutive rows of a board: equal keys share a rank, the next counts on (1, 1, 3).

    Args:
        rows: in the board's order; read one by one.
        key: gives the sort key of a row.
        offset: how many rows stand before the first.
        first_rank: rank of the first; less than ``offset + 1`` when it shares one with them.
    """
    rank, previous = first_rank, None
    for position, row in enumerate(rows):
        own = key(row)
        if position and own != previous:
            rank = offset + position + 1
        yield rank, row
        previous = own


def fractional_ranks(values: Sequence[float | None], *, descending: bool) -> list[float]:
    """Rank values from 1; equal ones share the mean of their places, missing ones come last.

    Returns:
        The rank of each value, in the order of ``values``.
    """
    keys = [_column_key(value, descending=descending) for value in values]
    order = sorted(range(len(keys)), key=keys.__getitem__)
    ranks = [0.0] * len(keys)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and keys[order[end]] == keys[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + 1 + end) / 2
        start = end
    return ranks


def dense_ranks(values: Sequence[float | None], *, descending: bool) -> list[int]:
    """Rank values from 1; equal ones share a rank, the next follows without a gap (1, 1, 2).

    Missing values share the rank after the last.

    Returns:
        The rank of each value, in the order of ``values``.
    """
    keys = [_column_key(value, descending=descending) for value in values]
    places = {key: rank for rank, key in enumerate(sorted(set(keys)), start=1)}
    return [places[key] for key in keys]


def combined_ranks(
    computation: Computation,
    columns: Sequence[Sequence[float | None]],
    descending: Sequence[bool],
    weights: Sequence[float],
) -> list[float]:
    """Combine, for each row, its ranks in several columns: their mean, or that of the reciprocals.

    Args:
        columns: the values of each column, all of the same length.
        descending: of each column, whether larger is better.
        weights: of each column, above 0.
    """
    directed = list(zip(columns, descending, strict=True))
    if computation is Computation.AVG_RANK:
        ranks = [fractional_ranks(values, descending=down) for values, down in directed]
    else:
        ranks = [list(map(float, dense_ranks(one, descending=down))) for one, down in directed]
    if computation is Computation.MRR:
        ranks = [[1 / rank for rank in column] for column in ranks]
    return [weighted_mean(row, weights) for row in zip(*ranks, strict=True)]


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    """Return the mean of values by their weights, which are above 0.

    Raises:
        OverflowError: a number on the way is too large.
    """
    products = [value * weight for value, weight in zip(values, weights, strict=True)]
    if not all(map(math.isfinite, products)):
        raise OverflowError
    return math.fsum(products) / math.fsum(weights)


@dataclass(frozen=True)
class Candidate:
    """A finished submission that may stand on a board."""

    submission_id: int
    owner_id: int
    submitted_at: datetime
    stands: bool = False
    """Whether it stands there now."""
    sort_key: bytes = b""
    """Needed where :func:`compares` says so."""
    family_id: int = 0
    """Id of what the participant submitted, which a re-run stands for; breaks ties."""


def compares(rule: SubmissionRule) -> bool:
    """Return whether a rule looks at scores to choose among one owner's submissions."""
    return rule in (
        SubmissionRule.FORCE_BEST,
        SubmissionRule.ADD,
        SubmissionRule.ADD_AND_DELETE,
    )


def chosen(rule: SubmissionRule, candidates: Sequence[Candidate]) -> frozenset[int]:
    """Return which of one owner's finished submissions stand on the board.

    Rules where people choose keep what they chose. Where one submission may stand but several do,
    after a change of the rule, the one that ranks first stays.
    """
    if rule is SubmissionRule.FORCE_LATEST_MULTIPLE:
        return _ids(candidates)
    if rule is SubmissionRule.FORCE_LAST:
        by_time = sorted(
            candidates, key=lambda one: (one.submitted_at, one.family_id, one.submission_id)
        )
        return _ids(by_time[-1:])
    if rule is SubmissionRule.FORCE_BEST:
        return _ids(_by_rank(candidates)[:1])
    standing = [candidate for candidate in candidates if candidate.stands]
    if rule is SubmissionRule.ADD_AND_DELETE_MULTIPLE:
        return _ids(standing)
    return _ids(_by_rank(standing)[:1])


def _by_rank(candidates: Iterable[Candidate]) -> list[Candidate]:
    def key(one: Candidate) -> tuple[bytes, datetime, int, int]:
        return one.sort_key, one.submitted_at, one.family_id, one.submission_id

    return sorted(candidates, key=key)


def _ids(candidates: Iterable[Candidate]) -> frozenset[int]:
    return frozenset(candidate.submission_id for candidate in candidates)
