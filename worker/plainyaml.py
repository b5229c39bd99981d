"""YAML from strangers as plain values, bounded in depth and aliases; it can construct nothing else.

The pure-Python loader on purpose: the C one can be crashed by deep nesting.
"""

from __future__ import annotations

from typing import Any

import yaml

MAX_DEPTH = 20
MAX_ALIASES = 100


class BadYaml(ValueError):
    """Text that is not read; the message has the line."""


class _Loader(yaml.SafeLoader):
    """The safe loader with a bound on nesting and aliases."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.aliases = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Count how deep and how often before composing a node."""
        if self.check_event(yaml.events.AliasEvent):
            self.aliases += 1
        self.depth += 1
        if self.depth > MAX_DEPTH or self.aliases > MAX_ALIASES:
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise BadYaml(f"line {line}: nested too deeply, or too many aliases")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def load(raw: bytes) -> object:
    """Read one YAML document.

    Raises:
        BadYaml: it is not UTF-8, not YAML, or beyond the bounds.
    """
    try:
        return _Loader(raw.decode("utf-8-sig")).get_single_data()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadYaml(f"line {line}: it is not UTF-8 text") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise BadYaml(f"{where}{error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:  # a character that YAML does not allow
        line = raw.decode("utf-8-sig").count("\n", 0, error.position) + 1
        raise BadYaml(f"line {line}: {str(error).splitlines()[0]}") from error
    except yaml.YAMLError as error:
        raise BadYaml(str(error).splitlines()[0]) from error
    except (RecursionError, ValueError, TypeError, OverflowError) as error:
        if isinstance(error, BadYaml):
            raise
        raise BadYaml(f"a value cannot be read ({error})") from error
