"""What a person at the terminal sees of the processes' output; all of it goes to a file."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Self, TextIO

from honcho.printer import Printer

_MAX_BYTES = 20_000_000
_ROUTINE = re.compile(r"\d\d:\d\d:\d\d(\.\d+)? +(info|debug) ")
_SENTENCES = {
    " worker.trusted_only ": "No container engine answers here: programs run without containers. Submit only code "
    "that you trust.",
}
"""What is said instead of a line that holds these words, where its name alone says too little."""


class Terminal(Printer):  # type: ignore[misc]  # honcho has no types
    """Shows what is out of the ordinary: warnings, errors, and what is no log line at all."""

    def __init__(self, log: Path, output: TextIO | None = None) -> None:
        super().__init__(output or sys.stdout)
        self._log = log
        self._file = Printer(log.open("a", encoding="utf-8"), colour=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.output.close()

    def write(self, message: Any) -> None:
        """Write a message of one process to the file, and to the terminal if it matters there."""
        self._file.write(message)
        self._begin_anew()
        text = message.data
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        said = next((say for words, say in _SENTENCES.items() if words in text), "")
        if said:
            print(said, file=self.output, flush=True)
        elif message.name != "system" and not _ROUTINE.match(text):
            super().write(message)

    def _begin_anew(self) -> None:
        """Keep the file and the one before it, however long the stack runs."""
        stream = self._file.output
        if stream.tell() > _MAX_BYTES:
            stream.close()
            self._log.replace(self._log.with_suffix(".log.1"))
            self._file.output = self._log.open("a", encoding="utf-8")
