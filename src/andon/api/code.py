"""What code a function consists of, as one digest: its own, what it refers to, and the local modules it uses."""

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from andon.kernel.canonical import Json
from andon.kernel.digest import Digest, of_bytes, of_value
from andon.kernel.errors import InputError, UsageError

_SKIPPED: Final = "__pycache__"
_ENVIRONMENT: Final = "pyvenv.cfg"
_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_LAYOUT: Final = ("ctx", "kind", "type_comment")


def code_of(folder: Path) -> dict[str, Digest]:
    """The digest of every Python file in a folder, by its path in it; hidden folders and environments are left out.

    Raises:
        InputError: A file cannot be read.
    """
    return {path.relative_to(folder).as_posix(): of_bytes(_read(path)) for path in _files(folder)}


def function_digest(path: Path, name: str, folder: Path, registries: Collection[str] = ()) -> Digest:
    """Identity of what a function or class does, as far as code says it.

    It covers the definition without layout and comments; everything of its own module it refers to, and what that
    refers to; and whole the modules in the factory folder that any of this imports, with those that they import. What
    the module imports and never names counts too, because it is imported for its effects. Other code in the file, such
    as a gate's bound, changes nothing. Installed packages are part of the environment, not of this.

    Args:
        path: The file that defines it.
        name: What it is called on the top level of that file.
        folder: The factory folder, within which modules are the factory's own.
        registries: Names in the file that only register, so that decorators and calls of theirs are not behaviour.

    Raises:
        UsageError: The file does not define it on its top level.
        InputError: A file cannot be read or is not Python.
    """
    module = _Module(path, folder, frozenset(registries))
    if name not in module.bindings:
        raise UsageError(
            "factory.no-source",
            f"The code of {name!r} is not on the top level of the file it comes from.",
            place=str(path),
            fix="Define it with def in factory.py or in a module beside it.",
        )
    reached = module.reach(name)
    local = _closure(reached.modules, folder)
    value: dict[str, Json] = {
        "name": name,
        "statements": [_statement(each, reached.names, module.registries) for each in reached.statements],
        "modules": {each.relative_to(folder).as_posix(): of_value(_module_tree(each)) for each in local},
    }
    return of_value(value)


@dataclass(frozen=True, slots=True)
class _Reached:
    """What decides what a name does: names, top-level statements in order of the file, and local modules."""

    names: frozenset[str]
    statements: tuple[ast.stmt, ...]
    modules: frozenset[Path]


class _Module:
    """One file, with which of its top-level statements binds which names."""

    def __init__(self, path: Path, folder: Path, registries: frozenset[str]) -> None:
        self.path = path
        self.folder = folder
        self.registries = registries
        self.tree = _parse(path)

    @cached_property
    def bindings(self) -> Mapping[str, list[ast.stmt]]:
        """The top-level statements that bind or change each name."""
        found: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            for name in _bound(statement) - self.registries:
                found.setdefault(name, []).append(statement)
        return found

    def reach(self, name: str) -> _Reached:
        """What a name is made of."""
        wanted, names = [name], {name}
        taken: set[int] = set()
        while wanted:
            for statement in self.bindings.get(wanted.pop(), []):
                taken.add(id(statement))
                fresh = _named(statement, self.registries) - names
                names |= fresh
                wanted += fresh
        statements = tuple(each for each in self.tree.body if id(each) in taken)
        importing = (*statements, *self._unnamed_imports())
        return _Reached(frozenset(names), statements, frozenset(p for each in importing for p in self._imports(each)))

    def _unnamed_imports(self) -> Iterator[ast.stmt]:
        used = {node.id for node in ast.walk(self.tree) if isinstance(node, ast.Name)}
        for statement in self.tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                names = _bound(statement)
                if not names or not any(name in used for name in names):
                    yield statement

    def _imports(self, statement: ast.stmt) -> Iterator[Path]:
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield from _local(node, self.path, self.folder)


def _closure(start: Collection[Path], folder: Path) -> list[Path]:
    """The modules and everything local they import, sorted."""
    found, wanted = set(start), list(start)
    while wanted:
        path = wanted.pop()
        for node in ast.walk(_parse(path)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                fresh = set(_local(node, path, folder)) - found
                found |= fresh
                wanted += fresh
    return sorted(found)


def _local(node: ast.Import | ast.ImportFrom, path: Path, folder: Path) -> Iterator[Path]:
    """The files in the factory folder that an import statement loads."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield from _package(folder, alias.name.split("."))
        return
    start = folder if not node.level else path.parents[node.level - 1]
    parts = node.module.split(".") if node.module else []
    yield from _package(start, parts)
    for alias in node.names:
        yield from _package(start, [*parts, alias.name])


def _package(start: Path, parts: list[str]) -> Iterator[Path]:
    place = start
    for part in parts:
        place = place / part
        for path in (place.with_name(f"{part}.py"), place / "__init__.py"):
            if path.is_file():
                yield path


def _bound(statement: ast.stmt) -> set[str]:
    """Names that a top-level statement binds or changes; `SIZES.update(...)` changes `SIZES`."""
    if isinstance(statement, ast.Expr):
        return {_root(statement.value)} - {""}
    inside = [statement] if isinstance(statement, _DEFINITIONS) else list(ast.walk(statement))
    found: set[str] = set()
    for node in inside:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                found.add(node.name)
            case ast.Import() | ast.ImportFrom():
                found |= {_alias(alias) for alias in node.names if alias.name != "*"}
            case ast.Name() | ast.Attribute() | ast.Subscript() if _changes(node.ctx):
                found.add(_root(node))
    return found - {""}


def _alias(alias: ast.alias) -> str:
    return (alias.asname or alias.name).split(".")[0]


def _changes(context: ast.expr_context) -> bool:
    return isinstance(context, ast.Store | ast.Del)


def _named(statement: ast.stmt, registries: frozenset[str]) -> set[str]:
    """Names that a statement refers to, its registering decorators aside."""
    aside = {id(node) for each in _registering(statement, registries) for node in ast.walk(each)}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and id(node) not in aside}


def _registering(statement: ast.AST, registries: frozenset[str]) -> list[ast.expr]:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return [each for each in decorators if _root(each) in registries]


def _root(node: ast.AST) -> str:
    """The name that an expression such as `a.b[c](d)` begins with."""
    while not isinstance(node, ast.Name):
        match node:
            case ast.Attribute() | ast.Subscript():
                node = node.value
            case ast.Call():
                node = node.func
            case _:
                return ""
    return node.id


def _statement(statement: ast.stmt, names: Collection[str], registries: frozenset[str]) -> Json:
    """A top-level statement as JSON; of an import, only what is reached, so that its neighbours change nothing."""
    tree = _tree(statement, registries)
    if isinstance(statement, ast.Import | ast.ImportFrom) and isinstance(tree, dict):
        kept = [alias for alias in statement.names if _alias(alias) in names]
        return {**tree, "names": [_tree(alias, registries) for alias in kept]}
    return tree


def _module_tree(path: Path) -> Json:
    return [_tree(statement, frozenset()) for statement in _parse(path).body]


def _tree(node: object, registries: frozenset[str]) -> Json:
    """A syntax tree as JSON without its layout; empty members, which vary from Python to Python, are left out."""
    if isinstance(node, ast.Constant):
        return f"{type(node.value).__name__} {node.value!r}"
    if isinstance(node, list):
        return [_tree(each, registries) for each in node]
    if not isinstance(node, ast.AST):
        return str(node)
    aside = _registering(node, registries)
    out: dict[str, Json] = {"node": type(node).__name__}
    for name in node._fields:  # public by its documentation, whatever its name says
        value = getattr(node, name, None)
        kept = [each for each in value if each not in aside] if isinstance(value, list) else value
        if name not in _LAYOUT and kept is not None and kept != []:
            out[name] = _tree(kept, registries)
    return out


def _files(folder: Path) -> list[Path]:
    def inside(place: Path) -> Iterator[Path]:
        for path in sorted(place.iterdir()):
            if path.name.startswith(".") or path.is_symlink():
                continue
            if path.is_dir() and path.name != _SKIPPED and not (path / _ENVIRONMENT).exists():
                yield from inside(path)
            elif path.suffix == ".py" and path.is_file():
                yield path

    return list(inside(folder))


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(_read(path), filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise InputError(
            "factory.syntax",
            "This file is not Python.",
            place=f"{path}:{line}" if line else str(path),
            found=str(error),
            fix="Mend the file.",
        ) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            "factory.unreadable", "This file cannot be read.", place=str(path), found=str(error), fix="Mind its mode."
        ) from error
