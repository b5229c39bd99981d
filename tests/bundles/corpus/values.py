"""Values of the wrong type or out of bounds, in ``competition.yaml`` of version 2."""

from __future__ import annotations

from tests.bundles.corpus.cases import Case, broken, bundle, column, phase, task, top

CASES: dict[str, Case] = {
    "a list for a text": broken(
        bundle(("A benchmark", "[1]")),
        "competition.yaml, line 2, title: Found a list of 1; expected text. Write one line of text, in quotes where YAML would read something else.",
    ),
    "a mapping for a text": broken(
        bundle(("A benchmark", "{de: Ein Test}")),
        "competition.yaml, line 2, title: Found a mapping; expected text. Write one line of text, in quotes where YAML would read something else.",
    ),
    "no title": broken(
        bundle(("title: A benchmark\n", "")),
        "competition.yaml, title: The title is empty; expected 1 to 256 characters. Give it under title.",
    ),
    "null for a title": broken(
        bundle(("A benchmark", "null")),
        "competition.yaml, line 2, title: The title is empty; expected 1 to 256 characters. Give it under title.",
    ),
    "a title of spaces": broken(
        bundle(("A benchmark", "'  '")),
        "competition.yaml, line 2, title: The title is empty; expected 1 to 256 characters. Give it under title.",
    ),
    "a long title": broken(
        bundle(("A benchmark", "x" * 300)),
        "competition.yaml, line 2, title: The title is 300 characters long; expected at most 256 characters. Shorten it.",
    ),
    "a long description": broken(
        top("description: " + "x" * 70_000),
        "competition.yaml, line 2, description: The description is 70000 bytes long; expected at most 65536 bytes. Shorten it, or move a part to a page.",
    ),
    "a long reward": broken(
        top("reward: " + "x" * 300),
        "competition.yaml, line 2, reward: The reward is 300 characters long; expected at most 256 characters. Shorten it.",
    ),
    "a page without a title": broken(
        bundle(("- title: Overview\n  file", "- file")),
        "competition.yaml, line 6, pages[0].title: The title of page 1 is empty; expected 1 to 256 characters. Give it under title.",
    ),
    "text for phases": broken(
        bundle(
            (
                "phases:\n- index: 0\n  name: Development\n  start: 2030-01-01\n  tasks: [0]\n",
                "phases: two\n",
            )
        ),
        "competition.yaml, line 12, phases: Found “two”; expected a list of phases. Write each item after a dash.",
    ),
    "a mapping for phases": broken(
        bundle(
            (
                "phases:\n- index: 0\n  name: Development\n  start: 2030-01-01\n  tasks: [0]\n",
                "phases: {1: {name: A}}\n",
            )
        ),
        "competition.yaml, line 12, phases: Found a mapping; expected a list of phases. Write each item after a dash.",
    ),
    "no phases": broken(
        bundle(
            (
                "phases:\n- index: 0\n  name: Development\n  start: 2030-01-01\n  tasks: [0]\n",
                "phases: []\n",
            )
        ),
        "competition.yaml, line 12, phases: The list is empty; expected 1 to 50 entries. List at least 1 under phases.",
    ),
    "text for a phase": broken(
        bundle(("phases:\n", "phases:\n- Development\n")),
        "competition.yaml, line 13, phases[0]: Found “Development”; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "null for tasks": broken(
        bundle(
            ("tasks:\n- index: 0\n  name: Task\n  scoring_program: scoring/\n", "tasks: null\n")
        ),
        "competition.yaml, line 8, tasks: The list is empty; expected 1 to 200 entries. List at least 1 under tasks.",
        "competition.yaml, line 13, phases[0].tasks: The task list of phase 1 is 0; expected a task under tasks. Take the unknown ones out, or add the tasks.",
    ),
    "text for pages": broken(
        bundle(("pages:\n- title: Overview\n  file: overview.md\n", "pages: overview.md\n")),
        "competition.yaml, line 5, pages: Found “overview.md”; expected a list of pages. Write each item after a dash.",
    ),
    "text for a page": broken(
        bundle(("- title: Overview\n  file: overview.md\n", "- overview.md\n")),
        "competition.yaml, line 6, pages[0]: Found “overview.md”; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "too many pages": broken(
        bundle(
            ("- title: Overview\n  file: overview.md\n", "- {title: A, file: overview.md}\n" * 101)
        ),
        "competition.yaml, line 6, pages: The list is 101 entries long; expected 0 to 100 entries. Leave some out.",
    ),
    "a list beyond all bounds": broken(
        bundle(
            ("- title: Overview\n  file: overview.md\n", "- {title: A, file: overview.md}\n" * 201)
        ),
        "competition.yaml, line 6, pages: Found a list of 201; expected at most 200 items. Leave some out.",
    ),
    "text for leaderboards": broken(
        bundle(
            (
                "leaderboards:\n- title: Results\n  key: main\n  columns:\n  - {title: Accuracy, key: accuracy, index: 0}\n",
                "leaderboards: main\n",
            )
        ),
        "competition.yaml, line 17, leaderboards: Found “main”; expected a list of leaderboards. Write each item after a dash.",
    ),
    "a number for the tasks of a phase": broken(
        bundle(("[0]", "5")),
        "competition.yaml, line 16, phases[0].tasks: Found 5; expected a list of task indexes. Write each item after a dash.",
    ),
    "a list among the tasks of a phase": broken(
        bundle(("[0]", "[[0]]")),
        "competition.yaml, line 16, phases[0].tasks[0]: Found a list of 1; expected a task index. Write the index of one task.",
    ),
    "a word for a switch": broken(
        phase("hide_output: maybe"),
        "competition.yaml, line 17, phases[0].hide_output: Found “maybe”; expected true or false. Write one of the two words.",
    ),
    "a word of another language": broken(
        phase("hide_output: wahr"),
        "competition.yaml, line 17, phases[0].hide_output: Found “wahr”; expected true or false. Write one of the two words.",
    ),
    "a number for a switch": broken(
        top("registration_auto_approve: 2"),
        "competition.yaml, line 2, registration_auto_approve: Found 2; expected true or false. Write one of the two words.",
    ),
    "a list for a switch": broken(
        top("forum_enabled: [true]"),
        "competition.yaml, line 2, forum_enabled: Found a list of 1; expected true or false. Write one of the two words.",
    ),
    "a word for a limit": broken(
        phase("max_submissions: lots"),
        "competition.yaml, line 17, phases[0].max_submissions: Found “lots”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "half a submission": broken(
        phase("max_submissions: 2.5"),
        "competition.yaml, line 17, phases[0].max_submissions: Found 2.5; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a limit with a leading zero": broken(
        phase("max_submissions: 012"),
        "competition.yaml, line 17, phases[0].max_submissions: Found 012, which YAML reads as 10; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a negative limit": broken(
        phase("max_submissions: -5"),
        "competition.yaml, line 17, phases[0].max_submissions: The submission limit is -5; expected 0 (unlimited) to 1000000. Write a number in this range under max_submissions.",
    ),
    "a negative limit of a day": broken(
        phase("max_submissions_per_day: -1"),
        "competition.yaml, line 17, phases[0].max_submissions_per_day: The submission limit is -1; expected 0 (unlimited) to 1000000. Write a number in this range under max_submissions_per_day.",
    ),
    "a huge limit": broken(
        phase("max_submissions: 99999999999"),
        "competition.yaml, line 17, phases[0].max_submissions: The submission limit is 99999999999; expected 0 (unlimited) to 1000000. Write a number in this range under max_submissions.",
    ),
    "a limit beyond all digits": broken(
        phase("max_submissions: 99999999999999999999999"),
        "competition.yaml, line 17, phases[0].max_submissions: Found 99999999999999999999999; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a switch for a limit": broken(
        phase("max_submissions_per_day: yes"),
        "competition.yaml, line 17, phases[0].max_submissions_per_day: Found true; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a clock for a time limit": broken(
        phase("execution_time_limit: 1:30:00"),
        "competition.yaml, line 17, phases[0].execution_time_limit: Found 1:30:00, which YAML reads as 5400; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "a negative time limit": broken(
        phase("execution_time_limit: -1"),
        "competition.yaml, line 17, phases[0].execution_time_limit: The time limit is -1; expected 1 to 259200 seconds. Write the seconds that one run may take.",
    ),
    "a time limit of months": broken(
        phase("execution_time_limit: 10000000"),
        "competition.yaml, line 17, phases[0].execution_time_limit: The time limit is 10000000; expected 1 to 259200 seconds. Write the seconds that one run may take.",
    ),
    "a unit in a time limit": broken(
        phase("execution_time_limit: 10 min"),
        "competition.yaml, line 17, phases[0].execution_time_limit: Found “10 min”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "too many decimals": broken(
        column("precision: 99"),
        "competition.yaml, line 21, leaderboards[0].columns[0].precision: The precision is 99; expected 0 to 10 decimals. Write how many decimals are shown.",
    ),
    "negative decimals": broken(
        column("precision: -1"),
        "competition.yaml, line 21, leaderboards[0].columns[0].precision: The precision is -1; expected 0 to 10 decimals. Write how many decimals are shown.",
    ),
    "a word for decimals": broken(
        column("precision: two"),
        "competition.yaml, line 21, leaderboards[0].columns[0].precision: Found “two”; expected a whole number in decimal digits. Write the digits alone, without a leading zero, a colon or a fraction.",
    ),
    "no known sorting": broken(
        column("sorting: up"),
        "competition.yaml, line 21, leaderboards[0].columns[0].sorting: Found “up”; expected desc or asc. Write one of these words.",
    ),
    "a misspelt sorting": broken(
        column("sorting: decs"),
        "competition.yaml, line 21, leaderboards[0].columns[0].sorting: Found “decs”; expected desc or asc. Is “desc” meant?",
    ),
    "no known computation": broken(
        column("computation: median"),
        "competition.yaml, line 21, leaderboards[0].columns[0].computation: Found “median”; expected avg or sum or min or max or avg_rank or avg_dense_rank or mrr. Write one of these words.",
    ),
    "text for computed columns": broken(
        column("computation: avg, computation_indexes: '12'"),
        "competition.yaml, line 21, leaderboards[0].columns[0].computation_indexes: Found “12”; expected a list such as [0, 1]. Write each item after a dash.",
    ),
    "text among computed columns": broken(
        column("computation: avg, computation_indexes: [a]"),
        "competition.yaml, line 21, leaderboards[0].columns[0].computation_indexes[0]: Found “a”; expected a column index. Write the index of one column, without quotes.",
    ),
    "text among weights": broken(
        column("computation: avg, computation_indexes: [0], computation_weights: [x]"),
        "competition.yaml, line 21, leaderboards[0].columns[0].computation_weights[0]: Found “x”; expected a number. Write it without quotes.",
        "competition.yaml, line 21, leaderboards[0].columns[0].computation_indexes: Column 0 is computed from itself; expected columns that do not depend on it. Take out the index that leads back to it.",
    ),
    "no known rule of a board": broken(
        bundle(("key: main", "key: main\n  submission_rule: Best")),
        "competition.yaml, line 20, leaderboards[0].submission_rule: Found “Best”; expected Add or Add_And_Delete or Add_And_Delete_Multiple or Force_Last or Force_Latest_Multiple or Force_Best. Write one of these words.",
    ),
    "no known rule of a phase": broken(
        phase("submission_rule: newest"),
        "competition.yaml, line 17, phases[0].submission_rule: Found “newest”; expected Add or Add_And_Delete or Add_And_Delete_Multiple or Force_Last or Force_Latest_Multiple or Force_Best. Write one of these words.",
    ),
    "no known type": broken(
        top("competition_type: challenge"),
        "competition.yaml, line 2, competition_type: Found “challenge”; expected competition or benchmark. Write one of these words.",
    ),
    "an address that is none": broken(
        top("contact_email: nobody"),
        "competition.yaml, line 2, contact_email: The contact address is “nobody”; expected one e-mail address. Write it as name@example.org, without anything around it.",
    ),
    "two addresses": broken(
        top("contact_email: a@example.org, b@example.org"),
        "competition.yaml, line 2, contact_email: The contact address is “a@example.org, b@example.org”; expected one e-mail address. Write it as name@example.org, without anything around it.",
    ),
    "no image name": broken(
        top("docker_image: python 3.11; rm -rf /"),
        "competition.yaml, line 2, docker_image: The container image is “python 3.11; rm -rf /”; expected a name such as python:3.11-slim. Copy the name from where the image is published.",
    ),
    "no key": broken(
        task("input_data: 8f2b9a3e-0f5c"),
        "competition.yaml, line 12, tasks[0].input_data: Found “8f2b9a3e-0f5c”, which is not in the zip; expected a file or folder of the zip, or the key of stored data. Add it to the zip, or correct the path: upper and lower case differ.",
    ),
    "a task key that is none": broken(
        task("key: abc"),
        "competition.yaml, line 12, tasks[0].key: Found “abc”; expected the key (a UUID) of something stored here. Copy the key from the page of what is meant.",
    ),
    "a list as a fact sheet": broken(
        top("fact_sheet: [1]"),
        "competition.yaml, line 2, fact_sheet: Found a list of 1; expected a mapping of question keys to questions. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "text as a question": broken(
        top("fact_sheet: {team: Who are you}"),
        "competition.yaml, line 2, fact_sheet.team: Found “Who are you”; expected a mapping of keys to values. Write its keys on lines of their own, indented, each with a colon and its value.",
    ),
    "no known type of question": broken(
        top("fact_sheet: {q: {title: Q, type: number}}"),
        "competition.yaml, line 2, fact_sheet.q.type: Found “number”; expected checkbox or text or select. Write one of these words.",
    ),
    "a mapping among choices": broken(
        top("fact_sheet: {q: {title: Q, type: select, selection: [{a: 1}]}}"),
        "competition.yaml, line 2, fact_sheet.q.selection[0]: Found a mapping; expected text. Write each choice after a dash.",
    ),
    "version 3": broken(
        bundle(("version: 2", "version: 3")),
        "competition.yaml, line 1, version: Found “3”; expected 2, or 1.5 of CodaLab. Write version: 2 for a bundle of this site or of Codabench.",
    ),
    "a list as version": broken(
        bundle(("version: 2", "version: [2]")),
        "competition.yaml, line 1, version: Found a list of 1; expected text. Write one line of text, in quotes where YAML would read something else.",
    ),
}
