"""YAML as a tree in which every value knows its line. Scalars stay text: whoever reads a field knows its type."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

DEEPEST = 6  # lists and mappings inside each other
# libyaml's parser where it is there: it is faster. Both give events one by one, so no depth of a file is a danger.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Node:
    """line: of the value's key in a mapping, else of the value itself; from 1."""

    line: int
    value: "str | list[Node] | dict[str, Node]"


class NotYaml(ValueError):
    """Text that is no YAML, or YAML that these files do not use; `line` from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line


def parse(text: str, first: int = 1) -> Node:
    """The tree of a YAML text that begins in line `first` of its file. NotYaml says where it is broken."""
    try:
        events = iter(list(yaml.parse(text, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYaml(first + (mark.line if mark else 0), str(error.problem or error.context)) from error
    except yaml.YAMLError as error:  # of a character
        raise NotYaml(first, str(error).splitlines()[0]) from error
    documents = [event for event in events if not isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent)]
    inner = [event for event in documents if not isinstance(event, yaml.DocumentStartEvent | yaml.DocumentEndEvent)]
    if len(documents) - len(inner) > 2:
        raise NotYaml(first, "it has several documents")
    if not inner:
        return Node(first, {})
    rest = iter(inner)
    return _node(next(rest), rest, first, 0)


def _node(event: Any, rest: Iterator[Any], first: int, depth: int, line: int | None = None) -> Node:
    here = first + event.start_mark.line if line is None else line
    if depth > DEEPEST:
        raise NotYaml(here, f"its lists are more than {DEEPEST} deep")
    if isinstance(event, yaml.ScalarEvent):
        return Node(here, event.value)
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := next(rest), yaml.SequenceEndEvent):
            items.append(_node(event, rest, first, depth + 1))
        return Node(here, items)
    if isinstance(event, yaml.MappingStartEvent):
        return Node(here, _mapping(rest, first, depth))
    raise NotYaml(here, "an alias (*) is not possible here")


def _mapping(rest: Iterator[Any], first: int, depth: int) -> dict[str, Node]:
    found: dict[str, Node] = {}
    while not isinstance(event := next(rest), yaml.MappingEndEvent):
        line = first + event.start_mark.line
        if not isinstance(event, yaml.ScalarEvent):
            raise NotYaml(line, "the name of a field is no text")
        if event.value in found:
            raise NotYaml(line, f"the field {event.value!r} is there twice")
        found[event.value] = _node(next(rest), rest, first, depth + 1, line)
    return found
