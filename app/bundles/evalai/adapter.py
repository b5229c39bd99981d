"""Runs the ``evaluate()`` of an EvalAI evaluation script as a scoring program.

It stands alone: imports put a copy into the scoring program, beside ``evalai.json`` and the script
itself in ``evaluation_script``. Any Python of 3.7 or later runs it.
"""

from __future__ import annotations

import html
import importlib.util
import json
import os
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
CLUTTER = ("metadata", "__MACOSX", ".DS_Store", "Thumbs.db")


class Unusable(Exception):
    """Nothing can be scored; the text says why."""


class BadSubmission(Unusable):
    """It is the submission's fault; participants read the text."""


def main(input_dir: str, output_dir: str) -> int:
    """Score what is in ``input_dir``; returns the exit code."""
    with open(os.path.join(HERE, "evalai.json"), encoding="utf-8") as file:
        asked = json.load(file)
    try:
        if asked["installs"]:
            raise Unusable(
                "The evaluation script installs packages ({}), which needs a network. It was not "
                "run. Take that out of it, and use a container image that has the "
                "packages.".format("; ".join(asked["installs"]))
            )
        submitted = find_submission(os.path.join(input_dir, "res"), asked["file_types"])
        evaluate = load(os.path.join(HERE, "evaluation_script"))
        annotation = asked["annotation"]
        if annotation:
            annotation = os.path.join(input_dir, "ref", annotation)
        returned = evaluate(
            annotation, submitted, asked["phase"], submission_metadata=metadata(submitted, asked)
        )
        write(returned, asked["columns"], output_dir)
    except BadSubmission as error:
        with open(os.path.join(output_dir, "submission_error.txt"), "w", encoding="utf-8") as file:
            file.write(str(error))
        sys.stderr.write(f"{error}\n")
        return 1
    except Unusable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (Exception, SystemExit):  # a script that exits has not scored anything, either
        traceback.print_exc()
        return 1
    return 0


def find_submission(folder: str, file_types: Sequence[str]) -> str:
    """Return the one file that was submitted; several are zipped, where the phase takes a zip."""
    names = []
    for parent, _folders, files in os.walk(folder):
        for name in files:
            path = os.path.relpath(os.path.join(parent, name), folder)
            if path.split(os.sep)[0] not in CLUTTER:
                names.append(path)
    fitting = [name for name in names if name.lower().endswith(tuple(file_types))]
    chosen = fitting if file_types else names
    if len(chosen) == 1:
        return os.path.join(folder, chosen[0])
    if names and (not file_types or ".zip" in file_types):
        return zipped(folder, sorted(names))
    expected = "one of {}".format(", ".join(file_types)) if file_types else "any"
    raise BadSubmission(
        f"The submission has {len(chosen)} files that could be meant. Submit a zip with a single file "
        f"of the expected kind: {expected}."
    )


def zipped(folder: str, names: Sequence[str]) -> str:
    """Return a zip of the submitted files, as it was before it was unpacked."""
    path = os.path.join(tempfile.mkdtemp(), "submission.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in names:
            out.write(os.path.join(folder, name), name)
    return path


def load(folder: str) -> Callable[..., Any]:
    """Import the evaluation script as a package and return its ``evaluate``."""
    inside = [name for name in sorted(os.listdir(folder)) if name not in CLUTTER]
    if "__init__.py" not in inside and len(inside) == 1:
        folder = os.path.join(folder, inside[0])
    entry = os.path.join(folder, "__init__.py")
    if not os.path.isfile(entry):
        raise Unusable("The evaluation script has no __init__.py, from which evaluate is imported.")
    sys.path.append(folder)
    spec = importlib.util.spec_from_file_location(
        "evaluation_script", entry, submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise Unusable("The __init__.py of the evaluation script cannot be imported.")
    module = importlib.util.module_from_spec(spec)
    sys.modules["evaluation_script"] = module
    spec.loader.exec_module(module)
    if not callable(getattr(module, "evaluate", None)):
        raise Unusable("The __init__.py of the evaluation script exports no function evaluate.")
    found: Callable[..., Any] = module.evaluate
    return found


def metadata(submitted: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what EvalAI tells a script of a submission, as far as a container may know it."""
    unknown = (
        "id", "participant_team", "participant_team_name", "created_by", "submitted_at",
        "method_name", "method_description", "project_url", "publication_url",
    )  # fmt: skip
    known = {"status": "running", "input_file": submitted, "challenge_phase": asked["phase"]}
    return dict(dict.fromkeys(unknown), is_public=False, **known)


def write(returned: Any, columns: Mapping[str, Mapping[str, str]], output_dir: str) -> None:
    """Write the scores of what ``evaluate`` returned, and everything else that it said."""
    if not isinstance(returned, dict) or not isinstance(returned.get("result"), list):
        raise Unusable("evaluate() returned no list under “result”; there are no scores.")
    scores = {}
    for split, values in pieces(returned["result"], "result"):
        if split not in columns:
            raise Unusable(
                "evaluate() returned scores of the dataset split {!r}; this phase has {}.".format(
                    split, ", ".join(repr(name) for name in sorted(columns)) or "none"
                )
            )
        for label, value in values.items():
            if label in columns[split]:
                scores[columns[split][label]] = value
            else:
                sys.stdout.write(
                    f"The score {label!r} of {split!r} has no column and is left out.\n"
                )
    if returned.get("error"):
        told = json.dumps(returned["error"], default=float)
        sys.stdout.write(f"Error bars are on no leaderboard here: {told}\n")
    if returned.get("submission_metadata") is not None:
        with open(os.path.join(output_dir, "submission_metadata.json"), "w") as file:
            json.dump(returned["submission_metadata"], file, default=str)
    if returned.get("submission_result") is not None:
        result = json.dumps(
            returned["submission_result"], indent=2, ensure_ascii=False, default=str
        )
        page = "<!doctype html><meta charset=utf-8><title>Result</title><pre>{}</pre>\n"
        path = os.path.join(output_dir, "detailed_results.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(page.format(html.escape(result)))
    with open(os.path.join(output_dir, "scores.json"), "w", encoding="utf-8") as file:
        json.dump(scores, file, default=float)  # also the numbers of numerical libraries


def pieces(listed: Sequence[Any], what: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every split of a list of mappings with its values."""
    for item in listed:
        if not isinstance(item, dict):
            raise Unusable(f"evaluate() returned {item!r} in “{what}”; a mapping is needed.")
        for split, values in item.items():
            if not isinstance(values, dict):
                raise Unusable(f"The scores of {split!r} are no mapping of labels.")
            yield split, values


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
