"""Programs of the tests that run for real: small Python scripts with their metadata."""

from __future__ import annotations

from collections.abc import Mapping

from tests.worker.site import zip_of

SCORE = """
import json, os, sys
source, target = sys.argv[1:3]
answer = open(os.path.join(source, "res", "answer.txt")).read().strip()
truth = open(os.path.join(source, "ref", "truth.txt")).read().strip()
print("scoring", answer)
json.dump({"accuracy": float(answer == truth)}, open(os.path.join(target, "scores.json"), "w"))
open(os.path.join(target, "detailed_results.html"), "w").write("<p>done</p>")
"""


def program(
    script: str,
    command: str = "python3 $program/main.py $input $output",
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """Zip a script, the metadata that runs it, and more files."""
    files = {"metadata.yaml": f"command: {command}\n", "main.py": script}
    return zip_of({**files, **(more or {})})
