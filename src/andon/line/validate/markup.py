"""HTML that cannot be broken out of: text is escaped unless it was made here."""

import html
import re
from typing import Final

_NAME: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*")


class Markup(str):
    """Text that is HTML already; only `tag` and `join` make it."""

    __slots__ = ()


Child = str | int | None


def tag(name: str, *children: Child, **attributes: str | float | None) -> Markup:
    """An element with its children, escaped where they are not `Markup`.

    Args:
        name: Name of the element.
        children: What is in it; `None` is left out.
        attributes: A trailing underscore is dropped and others become hyphens (`class_`, `text_anchor`); `None` is
            left out.

    Raises:
        ValueError: A name is not of the form of one.
    """
    names = {_attribute(key): value for key, value in attributes.items() if value is not None}
    if not all(_NAME.fullmatch(each) for each in (name, *names)):
        raise ValueError(name)
    head = "".join(f' {key}="{html.escape(_text(value))}"' for key, value in names.items())
    return Markup(f"<{name}{head}>{join(*children)}</{name}>")


def join(*children: Child) -> Markup:
    """Children one after the other, escaped where they are not `Markup`."""
    return Markup(
        "".join(
            child if isinstance(child, Markup) else html.escape(str(child)) for child in children if child is not None
        )
    )


def document(title: str, style: str, policy: str, *body: Child) -> str:
    """A whole page that loads nothing from anywhere.

    Args:
        title: Title of the window.
        style: CSS of ours; it must hold no `<`.
        policy: Content Security Policy.
        body: What is on the page.

    Raises:
        ValueError: The style holds a `<`.
    """
    if "<" in style:
        raise ValueError("style")
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"{tag('title', title)}<style>{style}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>{tag("body", *body)}</html>\n'


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}" if abs(value) < 1e5 else f"{value:.0f}"
