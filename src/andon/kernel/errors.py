"""Every refusal andon makes, as one tree.

AndonError
├── UsageError       the caller asked for something that cannot be (exit 2)
├── InputError       data, code or a file from outside is not what it must be (exit 1)
├── IntegrityError   bytes, a signature or a record are not what was recorded (exit 1)
├── ConflictError    somebody else moved first; asking again is safe (exit 1)
├── WaitingError     the line waits for people or for the world (exit 3)
└── RefusedError     a gate, an admission or a load said no (exit 4)
"""

from typing import ClassVar


class AndonError(Exception):
    """A refusal with a code, the place, what was found there, and how to fix it.

    Args:
        code: Stable name for programs and searches, `room.what`, such as `ingest.missing-column`.
        message: One sentence for a person.
        place: Where: a file and line, a column, a stage, a digest.
        found: What was there instead.
        fix: What to do about it, as an instruction.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, code: str, message: str, *, place: str = "", found: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.place = place
        self.found = found
        self.fix = fix

    def __str__(self) -> str:
        lines = [f"{self.code}: {self.message}"]
        lines += [f"  {name}: {text}" for name, text in self.details().items() if text]
        return "\n".join(lines)

    def details(self) -> dict[str, str]:
        """The parts after the message, in reading order."""
        return {"at": self.place, "found": self.found, "fix": self.fix}

    def to_json(self) -> dict[str, str]:
        """The whole refusal as a JSON object, as `--json` prints it."""
        return {"code": self.code, "message": self.message, **self.details()}


class UsageError(AndonError):
    """The caller asked for something that cannot be."""

    exit_code = 2


class InputError(AndonError):
    """Data, code or a file from outside is not what it must be."""


class IntegrityError(AndonError):
    """Bytes, a signature or a record are not what was recorded."""


class ConflictError(AndonError):
    """Somebody else moved first; asking again is safe."""


class WaitingError(AndonError):
    """The line waits for people or for the world."""

    exit_code = 3


class RefusedError(AndonError):
    """A gate, an admission or a load said no."""

    exit_code = 4
