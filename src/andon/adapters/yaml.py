"""YAML as people write it by hand: read strictly, with the meaning that version 1.2 gives to plain words."""

import re
from typing import Final

import yaml

from andon.kernel.canonical import Json
from andon.kernel.errors import InputError

_TAG: Final = "tag:yaml.org,2002:"
_NULL: Final = re.compile(r"(~|null|Null|NULL|)")
_BOOL: Final = re.compile(r"(true|True|TRUE|false|False|FALSE)")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_TAGS: Final = frozenset({"map", "seq", "str", "null", "bool", "int", "float", "timestamp", "merge", "value"})
_DEEPEST: Final = 64


def read_yaml(text: str, place: str) -> Json:
    """What a YAML document says, or a JSON document, which is YAML, too.

    Plain words that are no number, `true`, `false` or `null` are texts, also `no`, `1:30` and dates.

    Args:
        text: The document.
        place: Where it comes from, for the error.

    Raises:
        InputError: It is not YAML, has several documents, a name twice, references, tags of its own or too many levels.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        # An alias would be the very same node in two places.
        return None if node is None else _value(node, set(), 0)
    except yaml.YAMLError as error:
        raise InputError(
            "yaml.unreadable",
            "This is no YAML that can be read here.",
            place=place,
            found=" ".join(str(error).split())[:300],
            fix="Write plain YAML 1.2: mappings, lists, texts, numbers, true, false and null, each name once.",
        ) from error


def write_yaml(value: Json) -> str:
    """A value as YAML that version 1.1 and 1.2 read alike, names in their order."""
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))


def _value(node: yaml.Node, above: set[int], depth: int) -> Json:
    if id(node) in above or depth > _DEEPEST:
        raise _wrong(node, "a reference to another place, or too many levels")
    if node.tag.removeprefix(_TAG) not in _TAGS:
        raise _wrong(node, f"the tag {node.tag}")
    above.add(id(node))
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Json] = {}
        for name, value in node.value:
            if not isinstance(name, yaml.ScalarNode) or name.value in found:
                raise _wrong(name, "a name that is there twice, or no text")
            found[name.value] = _value(value, above, depth + 1)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, above, depth + 1) for item in node.value]
    return _scalar(node)


def _scalar(node: yaml.Node) -> Json:
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _wrong(node: yaml.Node, what: str) -> yaml.YAMLError:
    mark = node.start_mark
    return yaml.YAMLError(f"{what} in line {mark.line + 1 if mark else '?'}")
