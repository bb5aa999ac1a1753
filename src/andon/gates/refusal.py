"""How gates refuse: a code, what is missing, and who can give it."""

from andon.kernel.errors import RefusedError


def refuse(code: str, message: str, place: str, found: str, fix: str = "") -> RefusedError:
    """A refusal whose remedy, unless said otherwise, is to let the gate judge."""
    return RefusedError(
        code, message, place=place, found=found, fix=fix or "Let the gate judge the artefact: andon run."
    )
