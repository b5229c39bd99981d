"""Values that are well formed and mean nothing together, in version 2."""

from __future__ import annotations

from tests.bundles.corpus.cases import (
    Case,
    broken,
    bundle,
    column,
    columns,
    phase,
    phases,
    task,
    top,
)

CASES: dict[str, Case] = {
    "an unknown task of a phase": broken(
        bundle(("[0]", "[5]")),
        "competition.yaml, line 16, phases[0].tasks: The task list of phase 1 is 5; expected only indexes under tasks: 0. Take the unknown ones out, or add the tasks.",
    ),
    "a task of a phase without a name": broken(
        bundle(("[0]", "['']")),
        "competition.yaml, line 16, phases[0].tasks: The task list of phase 1 is “”; expected only indexes under tasks: 0. Take the unknown ones out, or add the tasks.",
    ),
    "no task of a phase": broken(
        bundle(("[0]", "[]")),
        "competition.yaml, line 16, phases[0].tasks: The task list of phase 1 is empty; expected at least one task index. List the indexes of its tasks.",
    ),
    "a task of a phase twice": broken(
        bundle(("[0]", "[0, 0]")),
        "competition.yaml, line 16, phases[0].tasks: The task list of phase 1 is 0, 0; expected each task once. Take out what is there twice.",
    ),
    "a task without an index": broken(
        bundle(("- index: 0\n  name: Task\n", "- name: Task\n")),
        "competition.yaml, line 9, tasks[0].index: Found nothing; expected a number or name that phases use for this task. Number the tasks, from 0 on.",
        "competition.yaml, line 15, phases[0].tasks: The task list of phase 1 is 0; expected a task under tasks. Take the unknown ones out, or add the tasks.",
    ),
    "two tasks of one index": broken(
        bundle(("tasks:\n", "tasks:\n- {index: 0, name: Other, scoring_program: scoring/}\n")),
        "competition.yaml, line 10, tasks[1].index: The index of a task is “0”; expected a value that tasks[0] does not use. Change one of the two.",
    ),
    "a task without a name": broken(
        bundle(("  name: Task\n", "")),
        "competition.yaml, line 9, tasks[0].name: The name of task 0 is empty; expected 1 to 256 characters. Give it under name.",
    ),
    "a task without a scoring program": broken(
        bundle(("  scoring_program: scoring/\n", "")),
        "competition.yaml, line 9, tasks[0].scoring_program: The scoring program of task 0 is nothing; expected a file, a folder or the key of a stored program. Name the program that computes the scores under scoring_program.",
    ),
    "ingestion without a program": broken(
        task("ingestion_only_during_scoring: true"),
        "competition.yaml, line 12, tasks[0].ingestion_only_during_scoring: The setting “ingestion only during scoring” is on, without an ingestion program; expected off, or an ingestion program beside it. Switch it off, or name an ingestion_program.",
    ),
    "two descriptions": broken(
        top("description: A\ndescription_file: terms.md"),
        "competition.yaml, line 3, description_file: Found a text beside “description”; expected one of the two keys. Take one of them away.",
    ),
    "a requirement of itself": broken(
        phases("index: 1, name: A, start: 2030-01-01, plumbline: {requires: {phase: 1}}"),
        "competition.yaml, line 13, phases[0].plumbline.requires.phase: Found 1, which is no earlier phase; expected an earlier phase. Write the index of the phase that comes before.",
    ),
    "a requirement of a later phase": broken(
        phases(
            "index: 1, name: A, start: 2030-01-01, end: 2030-02-01, plumbline: {requires: {phase: 2}}",
            "index: 2, name: B, start: 2030-02-01",
        ),
        "competition.yaml, line 13, phases[0].plumbline.requires.phase: Found 2, which is no earlier phase; expected an earlier phase. Write the index of the phase that comes before.",
    ),
    "a requirement of no phase": broken(
        phase("plumbline: {requires: {phase: 7}}"),
        "competition.yaml, line 17, phases[0].plumbline.requires.phase: Found 7, which no phase is called; expected the index of a phase. Write the index of the phase that comes before.",
    ),
    "a requirement that names none": broken(
        phase("plumbline: {requires: {}}"),
        "competition.yaml, line 17, phases[0].plumbline.requires.phase: Found nothing; expected the index of an earlier phase. Write the index of the phase that comes before.",
    ),
    "a requirement of one of two phases": broken(
        phases(
            "index: 1, name: A, start: 2030-01-01, end: 2030-02-01",
            "index: 1, name: B, start: 2030-02-01, end: 2030-03-01",
            "index: 2, name: C, start: 2030-03-01, plumbline: {requires: {phase: 1}}",
        ),
        "competition.yaml, line 15, phases[2].plumbline.requires.phase: Found 1, which several phases are called; expected an index of one. Give each phase an index of its own.",
    ),
    "a requirement of an unknown kind": broken(
        phases(
            "index: 1, name: A, start: 2030-01-01, end: 2030-02-01",
            "index: 2, name: B, start: 2030-02-01, plumbline: {requires: {phase: 1, submission: good}}",
        ),
        "competition.yaml, line 14, phases[1].plumbline.requires.submission: Found “good”; expected finished or entry. Write one of these words.",
    ),
    "text as a requirement": broken(
        phase("plumbline: {requires: first}"),
        "competition.yaml, line 17, phases[0].plumbline.requires: Found “first”; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "two limits of one person": broken(
        phase("max_submissions: 1\n  max_submissions_per_person: 2"),
        "competition.yaml, line 18, phases[0].max_submissions_per_person: Found 2, but another value under max_submissions; expected one of the two keys. Take one of them away.",
    ),
    "no leaderboard": broken(
        bundle(
            (
                "leaderboards:\n- title: Results\n  key: main\n  columns:\n  - {title: Accuracy, key: accuracy, index: 0}\n",
                "",
            )
        ),
        "competition.yaml, leaderboards: The list is empty; expected 1 to 50 entries. List at least 1 under leaderboards.",
    ),
    "both names of leaderboards": broken(
        bundle(("leaderboards:\n", "leaderboard: []\nleaderboards:\n")),
        "competition.yaml, line 17, leaderboard: Found both leaderboard and leaderboards; expected one of the two keys. Take one of them away.",
    ),
    "a board without a key": broken(
        bundle(("  key: main\n", "")),
        "competition.yaml, line 18, leaderboards[0].key: The key of leaderboard 1 is “”; expected 1 to 128 characters without spaces around them. Write the name that programs use.",
    ),
    "a board without columns": broken(
        bundle(("  columns:\n  - {title: Accuracy, key: accuracy, index: 0}\n", "")),
        "competition.yaml, line 18, leaderboards[0].columns: The list is empty; expected 1 to 200 entries. List at least 1 under columns.",
    ),
    "a primary column that is not there": broken(
        bundle(("key: main", "key: main\n  primary_index: 4")),
        "competition.yaml, line 20, leaderboards[0].primary_index: The primary column is 4; expected the index of a column: 0. Name the column that ranks by its index.",
    ),
    "two columns of one index": broken(
        columns("key: other, index: 0"),
        "competition.yaml, line 22, leaderboards[0].columns[1].index: The index of a column is “0”; expected a value that leaderboards[0].columns[0] does not use. Change one of the two.",
    ),
    "two columns of one key": broken(
        columns("key: accuracy, index: 1"),
        "competition.yaml, line 22, leaderboards[0].columns[1].key: The key of a column is “accuracy”; expected a value that leaderboards[0].columns[0] does not use. Change one of the two.",
    ),
    "a column without a key": broken(
        bundle(("key: accuracy", "key: ''")),
        "competition.yaml, line 21, leaderboards[0].columns[0].key: The key of column 0 is “”; expected 1 to 128 characters without spaces around them. Write the name that programs use.",
    ),
    "a column computed from nothing": broken(
        column("computation: avg, computation_indexes: []"),
        "competition.yaml, line 21, leaderboards[0].columns[0].computation_indexes: The list of columns that column 0 is computed from is empty; expected at least one column index. List the indexes of the columns that it is computed from.",
    ),
    "a list of columns without a computation": broken(
        columns("key: b, index: 1, computation_indexes: [0]"),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation: The computation is nothing; expected avg, sum, min, max, avg_rank, avg_dense_rank, mrr beside computation_indexes. Add the computation, or take computation_indexes away.",
    ),
    "a column computed from one that is not there": broken(
        columns("key: b, index: 1, computation: avg, computation_indexes: [0, 8]"),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_indexes: The list of columns that column 1 is computed from is 8; expected only indexes in use: 0, 1. Take the others out, or add the columns.",
    ),
    "a column computed from itself": broken(
        columns("key: b, index: 1, computation: avg, computation_indexes: [1]"),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_indexes: Column 1 is computed from itself; expected columns that do not depend on it. Take out the index that leads back to it.",
    ),
    "columns computed from each other": broken(
        columns(
            "key: b, index: 1, computation: avg, computation_indexes: [2]",
            "key: c, index: 2, computation: avg, computation_indexes: [1]",
        ),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_indexes: Column 1 is computed from itself; expected columns that do not depend on it. Take out the index that leads back to it.",
        "competition.yaml, line 23, leaderboards[0].columns[2].computation_indexes: Column 2 is computed from itself; expected columns that do not depend on it. Take out the index that leads back to it.",
    ),
    "a column counted twice": broken(
        columns("key: b, index: 1, computation: avg, computation_indexes: [0, 0]"),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_indexes: The list of columns that column 1 is computed from is 0, 0; expected each column once. Take out what is there twice; computation_weights can count a column more.",
    ),
    "weights of a sum": broken(
        columns(
            "key: b, index: 1, computation: sum, computation_indexes: [0], computation_weights: [1]"
        ),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_weights: The list of weights of column 1 is 1.0; expected none, for only avg, avg_rank, avg_dense_rank and mrr have weights. Take the weights away.",
    ),
    "too many weights": broken(
        columns(
            "key: b, index: 1, computation: avg, computation_indexes: [0], computation_weights: [1, 2]"
        ),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_weights: The list of weights of column 1 is 2 long; expected 1, one for each of computation_indexes. Give one for each column.",
    ),
    "a negative weight": broken(
        columns(
            "key: b, index: 1, computation: avg, computation_indexes: [0], computation_weights: [-1]"
        ),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_weights: The list of weights of column 1 is -1.0; expected numbers above 0 and up to 1000000. Write such numbers.",
    ),
    "an infinite weight": broken(
        columns(
            "key: b, index: 1, computation: avg, computation_indexes: [0], computation_weights: [.inf]"
        ),
        "competition.yaml, line 22, leaderboards[0].columns[1].computation_weights: The list of weights of column 1 is inf; expected numbers above 0 and up to 1000000. Write such numbers.",
    ),
    "a question of another name": broken(
        top("fact_sheet: {q: {key: p, title: Q, type: text}}"),
        "competition.yaml, line 2, fact_sheet.q.key: Found “p”; expected the name of the question itself, “q”. Leave key out, or write the same name.",
    ),
    "a question without a title": broken(
        top("fact_sheet: {q: {type: text}}"),
        "competition.yaml, line 2, fact_sheet.q.title: The title of a question is empty; expected 1 to 256 characters. Give it under title.",
    ),
    "a select without choices": broken(
        top("fact_sheet: {q: {title: Q, type: select}}"),
        "competition.yaml, line 2, fact_sheet.q.selection: The selection of question “q” is no choice; expected a list of choices. List the choices, or make it a text.",
    ),
    "a choice twice": broken(
        top("fact_sheet: {q: {title: Q, type: select, selection: [a, a]}}"),
        "competition.yaml, line 2, fact_sheet.q.selection: The selection of question “q” is a, a; expected each choice once. Take out what is there twice.",
    ),
    "a solution of no task": broken(
        top("solutions:\n- {index: 0, tasks: [], path: data.zip}"),
        "competition.yaml, line 3, solutions[0].tasks: The task list of solution 0 is empty; expected at least one task index. List the indexes of its tasks.",
    ),
    "a solution of an unknown task": broken(
        top("solutions:\n- {index: 0, tasks: [9], path: data.zip}"),
        "competition.yaml, line 3, solutions[0].tasks: The task list of solution 0 is 9; expected only indexes under tasks: 0. Take the unknown ones out, or add the tasks.",
    ),
    "a solution without a file": broken(
        top("solutions:\n- {index: 0, tasks: [0]}"),
        "competition.yaml, line 3, solutions[0].path: The file of solution 0 is nothing; expected a file, a folder or a stored key. Name its file under path, or a stored solution under key.",
    ),
    "two solutions of one index": broken(
        top(
            "solutions:\n- {index: 0, tasks: [0], path: data.zip}\n- {index: 0, tasks: [0], path: scoring}"
        ),
        "competition.yaml, line 4, solutions[1].index: The index of a solution is “0”; expected a value that solutions[0] does not use. Change one of the two.",
    ),
}
