"""What the code may not contain, read from the source without running it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.security

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("app", "worker", "launcher")
_SECRET = re.compile(r"(token|secret|digest|password|signature)(_hash)?$")
_PARSES = {"eval", "exec", "compile", "__import__"}
_READS_QUEUES = {"rq.job", "rq.registry", "rq.group", "rq.executions", "rq.worker"}

Rule = Callable[[ast.AST], str]


def _name(node: ast.AST) -> str:
    """Return a dotted name as it is written, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return ""


def _calls(node: ast.AST) -> str:
    return _name(node.func) if isinstance(node, ast.Call) else ""


def _imports(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return set()


def unsafe_yaml(node: ast.AST) -> str:
    """Find YAML that can construct objects, or that C code reads."""
    call = _calls(node)
    if call in ("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load"):
        return call
    return next((n for n in _imports(node) if n.startswith("yaml.C")), "")


def pickle(node: ast.AST) -> str:
    """Find modules that run code while they read."""
    return next((n for n in _imports(node) if n.split(".")[0] in ("pickle", "marshal", "shelve", "dill")), "")  # fmt: skip


def evaluation(node: ast.AST) -> str:
    """Find text that becomes code."""
    return _calls(node) if _calls(node) in _PARSES else ""


def shell(node: ast.AST) -> str:
    """Find commands that a shell reads."""
    if _calls(node) in ("os.system", "os.popen", "subprocess.getoutput"):
        return _calls(node)
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            is_off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            if keyword.arg == "shell" and not is_off:
                return "shell="
    return ""


def markup(node: ast.AST) -> str:
    """Find text declared safe for a page; what stands in our own source may be, and formats safely."""
    last = _calls(node).rpartition(".")[2]
    if last == "Markup" and isinstance(node, ast.Call) and not node.keywords:
        return "" if all(isinstance(one, ast.Constant) for one in node.args) else last
    return last if last in ("Markup", "render_template_string") else ""


def extractall(node: ast.AST) -> str:
    """Find archives unpacked on trust."""
    last = _calls(node).rpartition(".")[2]
    return last if last in ("extractall", "unpack_archive", "make_archive") else ""


def comparison(node: ast.AST) -> str:
    """Find secrets compared in a time that tells how much of them is right."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
        for side in (node.left, *node.comparators):
            if isinstance(side, ast.Constant):
                return ""  # with nothing to guess: "" or None
        if re.match(r"[A-Z]\w+\.", _name(node.left)):
            return ""  # a column: the database looks the hash of a random token up
        for side in (node.left, *node.comparators):
            name = _name(side).rpartition(".")[2] or _calls(side).rpartition(".")[2]
            if _SECRET.search(name):
                return name
    return ""


def statement(node: ast.AST) -> str:
    """Find SQL put together from pieces."""
    if not isinstance(node, ast.Call) or not node.args:
        return ""
    last = _calls(node).rpartition(".")[2]
    is_pieced = isinstance(node.args[0], ast.JoinedStr | ast.BinOp)
    return f"{last}() with pieces" if is_pieced and last in ("text", "exec_driver_sql") else ""


def queue_reading(node: ast.AST) -> str:
    """Find RQ's classes that import and call what a registry names."""
    return next((n for n in _imports(node) if n in _READS_QUEUES), "")


def weak_random(node: ast.AST) -> str:
    """Find secrets and names from a generator that can be guessed."""
    call = _calls(node)
    return call if call.startswith("random.") else ""


ALLOWED: dict[Rule, dict[str, str]] = {
    unsafe_yaml: {},
    pickle: {},
    evaluation: {},
    shell: {},
    markup: {
        "app/platform/markdown.py": "the one place that makes user text safe",
    },
    extractall: {},
    comparison: {"app/platform/links.py": "keys that this browser has shown before, among its own"},
    statement: {},
    queue_reading: {
        "worker/guard.py": "the classes that refuse everything but what is listed",
        "worker/jobs.py": "the type of a job that these classes let through",
        "worker/overlap.py": "the type of a job that these classes let through",
    },
    weak_random: {},
}


SAFE_IN_TEMPLATES = {
    "templates/_ui/icons.html": "shapes that stand in the same file",
    "templates/bundles/_places.html": "a line-break opportunity, after escaping the rest",
}
"""Where text is declared safe, and why it is."""


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Yield every file of ours, parsed."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", ALLOWED, ids=lambda rule: rule.__name__)
def test_code_keeps_the_rule(rule: Rule) -> None:
    found: dict[str, str] = {}
    for name, tree in sources():
        for node in ast.walk(tree):
            if what := rule(node):
                found.setdefault(name, f"{name}:{getattr(node, 'lineno', 0)}: {what}")
    assert {name: where for name, where in found.items() if name not in ALLOWED[rule]} == {}
    assert set(ALLOWED[rule]) <= set(found), "an exemption that nothing needs any more"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (unsafe_yaml, "yaml.load(x)"),
        (unsafe_yaml, "from yaml import CSafeLoader"),
        (pickle, "import pickle"),
        (pickle, "from pickle import loads"),
        (evaluation, "eval(x)"),
        (shell, "subprocess.run(x, shell=True)"),
        (shell, "os.system(x)"),
        (markup, "Markup(x)"),
        (markup, "markupsafe.Markup(x)"),
        (markup, "Markup(f'<b>{x}</b>')"),
        (markup, "Markup('<b>%s</b>' % x)"),
        (markup, "Markup(object=x)"),
        (extractall, "archive.extractall(x)"),
        (comparison, "token == given"),
        (comparison, "a == row.token_hash"),
        (comparison, "tokens.digest(given) != stored"),
        (statement, "text(f'select {x}')"),
        (queue_reading, "from rq.registry import StartedJobRegistry"),
        (weak_random, "random.choice(x)"),
    ],
)
def test_rule_sees_what_breaks_it(rule: Rule, code: str) -> None:
    assert any(rule(node) for node in ast.walk(ast.parse(code)))


def test_templates_declare_nothing_safe_and_load_nothing_foreign() -> None:
    problems, safe = [], set()
    for path in sorted((ROOT / "templates").rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT).as_posix()
        if re.search(r"\|\s*safe\b|autoescape\s+false", text):
            safe.add(name)
        if re.search(r"""<(script|link|img|iframe)[^>]+(src|href)=["'](https?:)?//""", text):
            problems.append(f"{name} loads something from elsewhere")
        described = text.replace('<script type="application/ld+json">', "")  # data, not a program
        if re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|\sstyle=|hx-on|javascript:", described):
            problems.append(f"{name} has a script or style of its own")
    assert problems == []
    assert safe == set(SAFE_IN_TEMPLATES)


def test_bodies_of_markdown_are_sanitised_before_they_are_markup() -> None:
    text = (ROOT / "app/platform/markdown.py").read_text(encoding="utf-8")
    assert text.count("Markup(") <= text.count("nh3.clean(") + text.count("_clean(")
