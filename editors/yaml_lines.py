"""YAML with the line of everything in it: a mistake without its line is a search."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

#: The one in C reads everything in a tenth of the time; a wheel without it is rare.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Path = tuple[str | int, ...]


class Unreadable(ValueError):
    """The text is no YAML; `line` is where reading stopped (1 is the first)."""

    def __init__(self, error: str, line: int) -> None:
        super().__init__(error)
        self.line = line


@dataclass(frozen=True)
class Document:
    """`data` as yaml gives it; `lines` has the line of each key and entry by its path; `twice` the repeated keys."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    twice: list[Path] = field(default_factory=list)

    def line(self, *path: str | int) -> int:
        """The line of that key or entry, or of the closest thing around it that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(text: str) -> Document:
    """The document. Raises Unreadable."""
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return Document()
        document = Document(loader.construct_document(node))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = " ".join(str(getattr(error, "problem", None) or error).split())
        # At the end of the file the mark is one line too far.
        raise Unreadable(said, min(mark.line + 1, len(text.splitlines())) if mark else 1) from None
    finally:
        loader.dispose()
    _walk(node, (), node.start_mark.line, document)
    return document


def _walk(node: yaml.Node, path: Path, line: int, document: Document) -> None:
    if path in document.lines:
        document.twice.append(path)
    document.lines[path] = line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _walk(value, (*path, str(key.value)), key.start_mark.line, document)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            # An alias points to where its anchor stands: the list that an editor has to change.
            _walk(value, (*path, index), value.start_mark.line, document)
