"""The frameworks that are installed, by the format in which andon keeps their models."""

from importlib.util import find_spec

from andon.line.package import Door


def doors() -> dict[str, Door]:
    """A door for every framework installed here; frameworks are loaded only when they are."""
    found: list[Door] = []
    if find_spec("lightgbm"):
        from andon.adapters.lightgbm import LightGbmText  # noqa: PLC0415  # an extra: absent unless asked for

        found.append(LightGbmText())
    if find_spec("skops") and find_spec("sklearn"):
        from andon.adapters.sklearn import Skops  # noqa: PLC0415  # an extra: absent unless asked for

        found.append(Skops())
    return {door.format: door for door in found}
