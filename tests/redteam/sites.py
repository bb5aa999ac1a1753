"""The checks of the rooms that decide, found in their source, and each of them switched off in a copy.

A check is a place where something is refused or found wrong: a `raise`, a call of a function that only raises, a
finding reported, a reason given why something does not count, or a function that answers yes or no.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

ROOMS = ("gates", "attest", "ledger")
SEEN = "__redteam_seen__"
REPORTS = frozenset({"report", "wrong"})
LABEL = re.compile(r"[a-z]+(\.[a-z]+)?(-[a-z]+)*")
Kind = Literal["refusal", "finding", "reason", "question"]


@dataclass(frozen=True)
class Site:
    """One check.

    Attributes:
        name: File, function and the refusal's code where it stands there; stays when lines move.
        kind: What it is.
        line: Where it stands now.
        text: How it begins.
    """

    name: str
    kind: Kind
    line: int
    text: str

    @property
    def file(self) -> str:
        """The file, from the package's folder on."""
        return self.name.partition("::")[0]


@dataclass
class _Place:
    """A statement that can be taken out, or a function whose body can be replaced."""

    site: Site
    body: list[ast.stmt]
    at: int


def sites_of(package: Path) -> list[Site]:
    """Every check of the rooms that decide."""
    return [place.site for path in sources(package) for place in _places(path, package)[1]]


def sources(package: Path) -> list[Path]:
    """The modules of those rooms."""
    return sorted(path for room in ROOMS for path in (package / room).rglob("*.py"))


def switched_off(package: Path, site: Site) -> list[str]:
    """The source of a site's module without its check; for a question, once with each answer for ever."""
    return [_switched_off(package, site, answer) for answer in ((True, False) if site.kind == "question" else (False,))]


def _switched_off(package: Path, site: Site, answer: bool) -> str:
    tree, places = _places(package / site.file, package)
    (place,) = [one for one in places if one.site.name == site.name]
    if site.kind == "question":
        place.body[place.at :] = [ast.Return(ast.Constant(answer))]
    elif site.kind == "reason" and _is_choice(place.body[place.at]):
        place.body[place.at] = ast.Return(ast.Constant(""))
    else:
        place.body[place.at] = ast.Pass()
    return ast.unparse(ast.fix_missing_locations(tree))


def watched(package: Path, path: Path) -> str:
    """The source of a module that says which of its checks are reached."""
    tree, places = _places(path, package)
    for place in sorted(places, key=lambda one: -one.at):
        call = ast.Call(ast.Name(SEEN, ast.Load()), [ast.Constant(place.site.name)], [])
        place.body.insert(place.at, ast.Expr(call))
    tree.body[1:1] = ast.parse(f"{SEEN} = __import__('builtins').__dict__.get('{SEEN}', str)").body
    return ast.unparse(ast.fix_missing_locations(tree))


def _places(path: Path, package: Path) -> tuple[ast.Module, list[_Place]]:
    tree = ast.parse(path.read_text())
    never = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _annotation(node) == "NoReturn"
    }
    found: list[_Place] = []
    for function in _functions(tree):
        if function.name not in never:
            found += _in_function(function, str(path.relative_to(package)), never)
    return tree, found


def _functions(tree: ast.AST, outer: str = "") -> Iterator[ast.FunctionDef]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            if _annotation(node) is not None:
                node.qualified = f"{outer}{node.name}"  # type: ignore[attr-defined]
                yield node
        elif isinstance(node, ast.ClassDef) and not any(_name(base) == "Protocol" for base in node.bases):
            yield from _functions(node, f"{outer}{node.name}.")


def _in_function(function: ast.FunctionDef, file: str, never: set[str]) -> list[_Place]:
    name = f"{file}::{function.qualified}"  # type: ignore[attr-defined]
    reasons = _gives_reasons(function)
    places: list[_Place] = []
    for body in _bodies(function):
        for at, statement in enumerate(body):
            kind = _kind(statement, never, reasons=reasons and (body is not function.body or _is_choice(statement)))
            if kind:
                text = ast.unparse(statement).splitlines()[0][:100]
                places.append(_Place(Site(f"{name}::{_label(statement)}", kind, statement.lineno, text), body, at))
    if _annotation(function) == "bool":
        start = 1 if ast.get_docstring(function) else 0
        site = Site(f"{name}::answer", "question", function.lineno, f"def {function.name}")
        places.append(_Place(site, function.body, start))
    return _numbered(sorted(places, key=lambda one: one.site.line))


def _label(statement: ast.stmt) -> str:
    """The code that a refusal names, or how a reason begins."""
    texts = [
        node.value for node in ast.walk(statement) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    codes = [text for text in texts if LABEL.fullmatch(text) and ("." in text or "-" in text)]
    return (codes or [text.strip() for text in texts if text.strip()] or ["again"])[0][:40]


def _numbered(places: list[_Place]) -> list[_Place]:
    """The same, with a number behind names that stand there more than once."""
    counts: dict[str, int] = {}
    found: list[_Place] = []
    for one in places:
        counts[one.site.name] = counts.get(one.site.name, 0) + 1
        number = counts[one.site.name]
        name = one.site.name if number == 1 else f"{one.site.name} ({number})"
        found.append(_Place(replace(one.site, name=name), one.body, one.at))
    return found


def _kind(statement: ast.stmt, never: set[str], *, reasons: bool) -> Kind | None:
    if isinstance(statement, ast.Raise) and statement.exc is not None:
        return "refusal"
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        if _name(statement.value.func) in never:
            return "refusal"
        if isinstance(statement.value.func, ast.Attribute) and statement.value.func.attr in REPORTS:
            return "finding"
    if reasons and isinstance(statement, ast.Return) and _is_reason(statement.value):
        return "reason"
    return None


def _is_choice(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Return) and isinstance(statement.value, ast.IfExp)


def _is_reason(value: ast.expr | None) -> bool:
    """Whether a function answers here with a text that is not empty, be it only in one case of two."""
    if isinstance(value, ast.IfExp):
        return _is_reason(value.body) or _is_reason(value.orelse)
    return isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and bool(value.value))


def _gives_reasons(function: ast.FunctionDef) -> bool:
    """Whether a function's texts say why something does not count: one returns nothing where all is well."""
    if _annotation(function) not in ("str", "str | None", "Principal | str"):
        return False
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    says_nothing = any(isinstance(one, ast.Constant) and one.value in ("", None) for one in returns)
    return says_nothing or "why" in function.name


def _bodies(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements in a function, but for those of functions within it."""
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list):
            yield body
            for statement in body:
                if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                    yield from _bodies(statement)
    for handler in getattr(node, "handlers", []):
        yield from _bodies(handler)
    for case in getattr(node, "cases", []):
        yield from _bodies(case)


def _annotation(function: ast.FunctionDef) -> str | None:
    return ast.unparse(function.returns) if function.returns else None


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""
