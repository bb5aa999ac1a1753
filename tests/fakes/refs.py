"""Names of versions in memory."""

from andon.kernel.digest import Digest, parse
from andon.kernel.errors import ConflictError
from andon.kernel.unit import Unit
from andon.registry.ports import Ref
from andon.registry.version import check_name
from tests.fakes.units import open_unit


class MemoryRefs:
    """Implements `andon.registry.ports.Refs`."""

    def __init__(self) -> None:
        self.moves: dict[str, list[Ref]] = {}

    def get(self, name: str) -> Ref | None:
        return next(reversed(self.moves.get(name, [])), None)

    def move(self, unit: Unit, name: str, expected: Digest | None, new: Digest, now_ns: int) -> Ref:
        opened = open_unit(unit)
        last = self.get(check_name(name))
        if (last.digest if last else None) != expected:
            raise ConflictError("registry.ref-moved", f"{name} does not stand where it was expected.", place=name)
        ref = Ref(name, parse(new), last.sequence + 1 if last else 1, now_ns)
        self.moves.setdefault(name, []).append(ref)
        opened.undo.append(self.moves[name].pop)
        return ref

    def with_prefix(self, prefix: str) -> list[Ref]:
        found = [self.get(name) for name in sorted(self.moves) if name.startswith(prefix)]
        return [ref for ref in found if ref is not None]

    def history(self, name: str) -> list[Ref]:
        return list(self.moves.get(name, []))
