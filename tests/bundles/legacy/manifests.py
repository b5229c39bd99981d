"""CodaLab bundles for tests: a plain one, and one with every key of the format."""

from __future__ import annotations

PLAIN = """\
title: A challenge
description: All of it
image: logo.png
html:
  overview: overview.md
  terms: terms.md
phases:
  1:
    phasenumber: 1
    label: Development
    start_date: 2030-01-01 09:30:00
    scoring_program: scoring/
  2:
    phasenumber: 2
    label: Final
    start_date: 2030-02-01T10:00:00+02:00
    scoring_program: scoring/
leaderboard:
  leaderboards:
    RESULTS: &results
      label: Results
  columns:
    accuracy: {leaderboard: *results, label: Accuracy}
"""

EVERY_KEY = """\
version: 1.5
title: Everything
description: All of it
image: logo.png
start_date: 2029-12-01
end_date: 2031-01-01 18:00:00
competition_docker_image: python:3.11-slim
queue: 3f1f1d3e-5b5f-4a43-9a47-3f5f3d8f0a11
has_registration: true
admin_names: olga, petra
allow_public_submissions: true
allow_teams: true
anonymous_leaderboard: true
disallow_leaderboard_modifying: true
enable_detailed_results: true
enable_forum: false
enable_medical_image_viewer: true
enable_per_submission_metadata: true
force_submission_to_leaderboard: true
reward: 1000
show_detailed_results_in_submission_panel: false
show_detailed_results_in_leaderboard: false
auto_run_submissions: false
make_programs_available: true
make_input_data_available: true
show_datasets_from_yaml: true
html:
  overview: overview.md
  data: page.html
  terms: terms.md
phases:
  1:
    phasenumber: 1
    label: Parent
    description: Of two
    start_date: 2030-01-01 09:30:00
    is_parallel_parent: true
  2:
    phasenumber: 2
    parent_phasenumber: 1
    label: Text
    description: Words
    color: blue
    is_scoring_only: true
    max_submissions: 10
    max_submissions_per_day: 2
    max_submission_size: 300
    participant_max_storage_use: 50
    execution_time_limit: 60
    force_best_submission_to_leaderboard: true
    leaderboard_management_mode: hide_results
    phase_never_ends: true
    delete_submissions_except_best_and_last: true
    default_docker_image: python:2
    hide_output: true
    hide_prediction_output: true
    hide_score_output: true
    ingestion_program_only_during_scoring: true
    ingestion_program: data.zip
    input_data: data.zip
    scoring_program: scoring/
    reference_data: data.zip
    starting_kit: scoring/
    public_data: truth.csv
    datasets:
      1: {name: Training data, url: "https://example.org/train.zip", description: Half of it}
  3:
    phasenumber: 3
    parent_phasenumber: 1
    label: Speech
    scoring_program: scoring/
  4:
    phasenumber: 4
    label: Final
    start_date: 2030-06-01
    auto_migration: true
    scoring_program: scoring/
leaderboard:
  leaderboards:
    FIRST: &first {label: Segmentation, rank: 1}
    SECOND: &second {label: Speed, rank: 2}
  column_groups:
    DICE: &dice {label: Dice, rank: 2}
  columns:
    core: {leaderboard: *first, label: Core, rank: 2, column_group: *dice, numeric_format: 4}
    whole: {leaderboard: *first, label: Whole, rank: 1, column_group: *dice, show_rank: true}
    time: {leaderboard: *second, label: Time, rank: 1, sort: asc, hidden: true}
    ranks:
      leaderboard: *first
      label: Mean rank
      rank: 1
      sort: asc
      selection_default: 1
      computed: {operation: Avg, fields: "core, time", weights: "3, 1"}
    mrr:
      leaderboard: *first
      rank: 3
      computed: {operation: MRR, fields: [core, whole]}
"""
