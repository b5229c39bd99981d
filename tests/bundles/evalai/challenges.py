"""A small challenge of EvalAI, as its hosts zip them."""

from __future__ import annotations

import textwrap

from tests.bundles.bundle_factories import png, zip_of

CONFIG = textwrap.dedent(
    """\
    title: Retinal scans
    short_description: Who needs a doctor
    description: templates/description.html
    evaluation_details: templates/evaluation.html
    terms_and_conditions: templates/terms.html
    submission_guidelines: templates/guidelines.html
    image: logo.png
    evaluation_script: evaluation_script.zip
    remote_evaluation: false
    start_date: 2030-01-01 00:00:00
    end_date: 2030-12-31 23:59:59
    published: true
    tags: [eyes]
    worker_instance_type: t2.medium
    submission_time_limit: 300
    prizes:
    - {rank: 1, amount: 100.00USD, description: Fame}
    leaderboard:
    - id: 1
      schema:
        labels: [Accuracy, Loss]
        default_order_by: Accuracy
        metadata:
          Loss: {sort_ascending: true, description: Lower is better}
    challenge_phases:
    - id: 1
      name: Dev
      description: templates/dev.html
      codename: dev
      start_date: 2026-01-01 00:00:00
      end_date: 2030-06-01 00:00:00
      test_annotation_file: annotations/dev.json
      is_public: true
      leaderboard_public: true
      max_submissions_per_day: 5
      max_submissions_per_month: 50
      max_submissions: 50
      allowed_submission_file_types: ".json, .zip"
      submission_meta_attributes:
      - {name: Approach, description: How, type: text, required: true}
      - {name: Kind, description: Which, type: radio, options: [Trees, Nets]}
    - id: 2
      name: Test
      description: templates/dev.html
      codename: test
      start_date: 2026-05-01 00:00:00
      end_date: 2030-12-01 00:00:00
      test_annotation_file: annotations/test.json
      leaderboard_public: false
      allowed_submission_file_types: ".json"
    dataset_splits:
    - {id: 1, name: Train split, codename: train_split}
    - {id: 2, name: Test split, codename: test_split}
    challenge_phase_splits:
    - challenge_phase_id: 1
      leaderboard_id: 1
      dataset_split_id: 1
      visibility: 3
      leaderboard_decimal_precision: 3
      is_leaderboard_order_descending: true
    - challenge_phase_id: 2
      leaderboard_id: 1
      dataset_split_id: 1
      visibility: 3
      leaderboard_decimal_precision: 3
      is_leaderboard_order_descending: true
    - challenge_phase_id: 2
      leaderboard_id: 1
      dataset_split_id: 2
      visibility: 1
      leaderboard_decimal_precision: 3
      is_leaderboard_order_descending: true
    """
)

EVALUATE = textwrap.dedent(
    """\
    import json
    from .truth import load


    def evaluate(test_annotation_file, user_submission_file, phase_codename, **kwargs):
        truth = load(test_annotation_file)
        with open(user_submission_file) as file:
            said = json.load(file)
        right = sum(said[name] == value for name, value in truth.items()) / len(truth)
        scores = {"Accuracy": right, "Loss": 1 - right}
        result = [{"train_split": scores}]
        if phase_codename == "test":
            result.append({"test_split": scores})
        status = kwargs["submission_metadata"]["status"]
        return {
            "result": result,
            "error": [{"train_split": {"error_Accuracy": 0.1}}],
            "submission_result": {"right": right, "status": status},
        }
    """
)
SCRIPT = {
    "__init__.py": "from .main import evaluate\n",
    "main.py": EVALUATE,
    "truth.py": "import json\n\n\ndef load(path):\n    with open(path) as file:\n        return json.load(file)\n",
}
TRUTH = b'{"a": 1, "b": 0, "c": 1, "d": 1}'


def files(config: str = CONFIG, script: dict[str, str] | None = None) -> dict[str, bytes]:
    """The files of the challenge's zip; the script may be another one."""
    sources = {name: text.encode() for name, text in (script or SCRIPT).items()}
    pages = ("description", "evaluation", "terms", "guidelines", "dev")
    return {
        "challenge_config.yaml": config.encode(),
        "evaluation_script.zip": zip_of(sources).getvalue(),
        "annotations/dev.json": TRUTH,
        "annotations/test.json": TRUTH,
        "logo.png": png(),
        "demo/notes.txt": b"left over",
        **{f"templates/{name}.html": f"<p>{name}</p>".encode() for name in pages},
    }


def challenge(config: str = CONFIG, script: dict[str, str] | None = None) -> bytes:
    """The zip of the challenge."""
    return zip_of(files(config, script)).getvalue()
