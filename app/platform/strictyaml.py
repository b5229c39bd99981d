"""YAML from strangers: plain values only, bounded in every direction, and each value's place kept.

The pure-Python loader on purpose: the C one can be crashed by deep nesting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import yaml
from yaml.reader import Reader

from app.errors import Invalid
from app.platform import encoding

MAX_BYTES = 256 * 1024
MAX_ALIASES = 100
MAX_DEPTH = 20
MAX_VALUES = 50_000
"""How many values may stand in the document once its aliases are written out."""
MAX_CHARS = 1024 * 1024
"""How many characters they may have together."""
MAX_NUMBER_CHARS = 64

Path = tuple[str | int, ...]
Value = None | bool | int | float | str | date | datetime | list["Value"] | dict[str, "Value"]

_TAG = "tag:yaml.org,2002:"
_MERGE, _STR, _TIME, _SET_VALUE = _TAG + "merge", _TAG + "str", _TAG + "timestamp", _TAG + "value"
_WRITE_OUT = "Write out what the aliases stand for."
_PLAIN = "Write plain keys, each with a colon and its value."
_QUOTED = "Correct it, or put it in quotes if it is meant as text."
_MEASURED = (_TAG + "int", _TAG + "float", _TIME)


class BadYaml(Invalid):
    """The text cannot be read as YAML within the bounds; says what was found, where, and a hint."""

    def __init__(self, found: str, hint: str, line: int = 0, column: int = 0) -> None:
        self.found, self.hint, self.line = found, hint, line
        at = f"Line {line}, column {column}: " if column else f"Line {line}: " if line else ""
        self.sentence = f"{at}{found}."
        super().__init__(f"{self.sentence} {hint}")


@dataclass(frozen=True)
class Duplicate:
    """A key that is given twice in a mapping."""

    path: Path
    sentence: str


@dataclass(frozen=True)
class Place:
    """Where a value stands (line and column from 1) and, for a scalar, how it was written."""

    line: int
    column: int
    text: str | None


@dataclass(frozen=True)
class Document:
    """A read document.

    ``value`` has text keys only, as they were written. Times are aware UTC: offsets are converted,
    a time without one counts as UTC; a day without a time stays a date.
    """

    value: Value
    places: Mapping[Path, Place]
    duplicates: tuple[Duplicate, ...]
    """The last value of each is in ``value``."""


def load(raw: bytes) -> Document:
    """Read one YAML document.

    Raises:
        BadYaml: it is too large, too deep, uses too many or circular aliases, or is not YAML.
        WrongEncoding: it is not UTF-8.
    """
    if len(raw) > MAX_BYTES:
        found = f"The file has {len(raw)} bytes; the limit is {MAX_BYTES}"
        raise BadYaml(found, "Move long texts to files of their own.")
    text = encoding.text(raw)
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable:
        line = text.count("\n", 0, unprintable.start()) + 1
        found = f"the control character U+{ord(unprintable.group()):04X} is not allowed"
        raise BadYaml(found, "Remove it.", line)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return _Builder(loader).document(root)
    except yaml.MarkedYAMLError as error:
        raise _told(error) from error
    finally:
        loader.dispose()


def path_text(path: Path) -> str:
    """Write a path the way people do: ``phases[0].end``."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return "".join(parts).removeprefix(".")


@dataclass(frozen=True)
class _Size:
    depth: int = 1
    values: int = 1
    chars: int = 0


class _Loader(yaml.SafeLoader):
    """Composes nodes and refuses to go on once a bound is passed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._aliases = 0
        self._sizes: dict[int, _Size] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node, measuring it with its aliases written out."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark = event.start_mark
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            found = f"there are more than {MAX_ALIASES} aliases"
            _bound(self._aliases <= MAX_ALIASES, found, mark, _WRITE_OUT)
            node = super().compose_node(parent, index)
            is_open = isinstance(node, yaml.CollectionNode) and node.end_mark is None
            _bound(not is_open, "an alias points to what contains it", mark, _WRITE_OUT)
            return node
        tag = getattr(event, "tag", None)
        _bound(
            tag in (None, "!", _STR), f"the tag {_short(tag)} is not allowed", mark, "Remove it."
        )
        self._depth += 1
        found = f"the nesting is deeper than {MAX_DEPTH} levels"
        _bound(self._depth <= MAX_DEPTH, found, mark, "Nest less deeply.")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None:
            self._sizes[id(node)] = self._measure(node)
        return node

    def _measure(self, node: yaml.Node) -> _Size:
        if isinstance(node, yaml.ScalarNode):
            return _Size(chars=len(node.value))
        inner = [self._sizes[id(child)] for child in _children(node)]
        size = _Size(
            depth=1 + max((s.depth for s in inner), default=0),
            values=1 + sum(s.values for s in inner),
            chars=sum(s.chars for s in inner),
        )
        mark = node.start_mark
        deep = f"aliases nest deeper than {MAX_DEPTH} levels"
        _bound(size.depth <= MAX_DEPTH, deep, mark, _WRITE_OUT)
        many = f"it holds more than {MAX_VALUES} values"
        _bound(size.values <= MAX_VALUES, many, mark, _WRITE_OUT)
        long = f"it holds more than {MAX_CHARS} characters"
        _bound(size.chars <= MAX_CHARS, long, mark, _WRITE_OUT)
        return size


@dataclass
class _Builder:
    """Turns nodes into plain values and remembers where each stood."""

    loader: _Loader
    places: dict[Path, Place] = field(default_factory=dict)
    duplicates: list[Duplicate] = field(default_factory=list)

    def document(self, root: yaml.Node | None) -> Document:
        value = None if root is None else self.value(root, ())
        return Document(value, self.places, tuple(dict.fromkeys(self.duplicates)))

    def value(self, node: yaml.Node, path: Path) -> Value:
        mark = node.start_mark
        text = node.value if isinstance(node, yaml.ScalarNode) else None
        self.places[path] = Place(mark.line + 1, mark.column + 1, text)
        if isinstance(node, yaml.MappingNode):
            pairs = self.pairs(node, path)
            return {key: self.value(child, (*path, key)) for key, child in pairs.items()}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, i)) for i, child in enumerate(node.value)]
        return self.scalar(node)

    def pairs(self, node: yaml.MappingNode, path: Path) -> dict[str, yaml.Node]:
        """Return the mapping's own keys, then those that ``<<`` brings in and it lacks."""
        own: dict[str, yaml.Node] = {}
        merged: dict[str, yaml.Node] = {}
        lines: dict[str, int] = {}
        for key_node, child in node.value:
            mark = key_node.start_mark
            if key_node.tag == _MERGE:
                for source in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                    _bound(isinstance(source, yaml.MappingNode), "<< takes a mapping", mark, _PLAIN)
                    merged = self.pairs(source, path) | merged
                continue
            is_text = isinstance(key_node, yaml.ScalarNode) and key_node.value
            _bound(bool(is_text), "a key must be text", mark, _PLAIN)
            key = key_node.value
            if key in own:
                sentence = (
                    f"Line {mark.line + 1}, column {mark.column + 1}: the key “{key}” is given a "
                    f"second time (first in line {lines[key]})."
                )
                self.duplicates.append(Duplicate((*path, key), sentence))
            own[key] = child
            lines.setdefault(key, mark.line + 1)
        return own | {key: child for key, child in merged.items() if key not in own}

    def scalar(self, node: yaml.Node) -> Value:
        mark = node.start_mark
        if node.tag in _MEASURED:
            is_short = len(node.value) <= MAX_NUMBER_CHARS
            _bound(is_short, "the number has too many digits", mark, _QUOTED)
        if node.tag in (_STR, _SET_VALUE, _MERGE):
            return str(node.value)
        try:
            value: Value = self.loader.construct_object(node)
            if isinstance(value, datetime):
                aware = value if value.tzinfo else value.replace(tzinfo=UTC)
                return aware.astimezone(UTC)
            return value
        except (ValueError, OverflowError):
            kind = "date" if node.tag == _TIME else "number"
            problem = f"{node.value} is not a {kind} that exists"
            raise _marked(problem, mark, _QUOTED) from None


def _short(tag: str | None) -> str:
    return f"!!{tag.removeprefix(_TAG)}" if tag and tag.startswith(_TAG) else str(tag)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    for child in node.value:
        if isinstance(child, tuple):
            yield from child
        else:
            yield child


def _bound(holds: bool, problem: str, mark: yaml.Mark | None, hint: str) -> None:
    if not holds:
        raise _marked(problem, mark, hint)


def _marked(problem: str, mark: yaml.Mark | None, hint: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark, note=hint)


def _told(error: yaml.MarkedYAMLError) -> BadYaml:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "the text is not YAML"
    hint = error.note or "Correct the text there; a value with a colon or a # needs quotes."
    if r"'\t'" in problem:
        problem, hint = "a tab stands where YAML wants spaces", "Indent with spaces."
    if problem == "but found another document":
        problem, hint = "a second document begins here", "Keep one."
    return (
        BadYaml(problem, hint, mark.line + 1, mark.column + 1) if mark else BadYaml(problem, hint)
    )
