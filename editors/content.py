"""Reads the content folders into plain words for the checks. Knows the files' shape, knows no rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from editors.code import Code, read_code
from editors.sentences import Mistake
from editors.yaml_lines import Document, Unreadable, read
from editors.yaml_trouble import explained

FOLDERS = ("domain", "nlu", "stories", "tests/content")
LANGUAGES = ("it", "en")
#: Its examples are no topic: they teach the bot where its topics end (see engine/intents.py).
BACKGROUND = "nlu_fallback"
#: Top-level keys and what stands under them. Another shape would make every later check stumble.
SHAPES: dict[str, dict[str, type]] = {
    "domain": {"intents": list, "entities": list, "slots": dict, "responses": dict, "forms": dict, "actions": list},
    "nlu": {"nlu": list},
    "stories": {"rules": list, "stories": list},
    "tests/content": {"stories": list},
}
#: Of each entry of such a list: its parts and what they hold.
PARTS: dict[str, dict[str, type]] = {
    "nlu": {"examples": str, "intent": str, "metadata": dict},
    "rules": {"steps": list, "condition": list},
    "stories": {"steps": list, "condition": list},
}
MAY_BE_EMPTY = ("intent", "metadata", "condition")


@dataclass(frozen=True)
class Source:
    """One file: `name` as an editor writes it, "domain/orders.yml"."""

    name: str
    document: Document

    @property
    def stem(self) -> str:
        """The topic's name: "orders"."""
        return PurePath(self.name).stem

    @property
    def data(self) -> dict[str, Any]:
        """The file's content; empty when it has none."""
        return self.document.data if isinstance(self.document.data, dict) else {}

    def mistake(self, say: str, *path: str | int, warning: bool = False, **values: object) -> Mistake:
        """A mistake at the line of `path`."""
        return Mistake(self.name, self.document.line(*path), say, values, warning)


@dataclass(frozen=True)
class Example:
    """One sentence of nlu/ and where it stands. `language` is "" where the block names none."""

    text: str
    intent: str
    language: str
    file: str
    line: int

    def mistake(self, say: str, *, warning: bool = False, **values: object) -> Mistake:
        """A mistake at this line."""
        return Mistake(self.file, self.line, say, {"text": self.text, "intent": self.intent, **values}, warning)


@dataclass(frozen=True)
class Response:
    """One answer of domain/ with its variations."""

    name: str
    source: Source
    variations: list[dict[str, Any]]

    def mistake(self, say: str, *path: str | int, warning: bool = False, **values: object) -> Mistake:
        """A mistake in this answer; `path` begins at the variation's number."""
        where = ("responses", self.name, *path)
        return self.source.mistake(say, *where, warning=warning, **{"response": self.name, **values})

    def of(self, language: str) -> dict[str, Any] | None:
        """The variation that is said in a language; Italian is the one without a condition."""
        return next((one for one in self.variations if language_of(one) == language), None)


@dataclass(frozen=True)
class Content:
    """One content folder. Keys of `sources` are folders, then file stems."""

    root: Path
    sources: dict[str, dict[str, Source]]
    code: Code
    #: Files that cannot be read; nothing else can be checked then.
    unreadable: list[Mistake]
    examples: list[Example] = field(default_factory=list)
    #: name -> where it is listed
    intents: dict[str, tuple[Source, int]] = field(default_factory=dict)
    entities: dict[str, tuple[Source, int]] = field(default_factory=dict)
    actions: dict[str, tuple[Source, int]] = field(default_factory=dict)
    slots: dict[str, dict[str, Any]] = field(default_factory=dict)
    forms: dict[str, tuple[Source, list[str]]] = field(default_factory=dict)
    responses: dict[str, Response] = field(default_factory=dict)
    #: Of repeated names in different files.
    repeated: list[Mistake] = field(default_factory=list)

    def stories(self, *folders: str) -> Iterator[tuple[Source, str, int, dict[str, Any]]]:
        """Every rule and story: its file, the key it stands under, its number there, itself."""
        for folder in folders or ("stories",):
            for source in self.sources[folder].values():
                for key in ("rules", "stories"):
                    for number, story in enumerate(source.data.get(key) or []):
                        yield source, key, number, story


def language_of(variation: dict[str, Any]) -> str:
    """The language of one variation of an answer."""
    conditions = variation.get("condition") or []
    return next((str(c.get("value")) for c in conditions if isinstance(c, dict) and c.get("name") == "language"), "it")


def read_content(root: Path) -> Content:
    """All files below `root`."""
    sources: dict[str, dict[str, Source]] = {folder: {} for folder in FOLDERS}
    unreadable: list[Mistake] = []
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*.yml")):
            source = read_source(root, f"{folder}/{path.name}")
            if isinstance(source, Mistake):
                unreadable.append(source)
                continue
            unreadable += misshapen(folder, source)
            sources[folder][path.stem] = source
    content = Content(root, sources, read_code(root / "actions"), unreadable)
    if not unreadable:
        for source in sources["domain"].values():
            _add_domain(content, source)
        for source in sources["nlu"].values():
            content.examples.extend(_examples(source))
    return content


def read_source(root: Path, name: str) -> Source | Mistake:
    """The file of this name below `root`, or why it cannot be read."""
    try:
        text = (root / name).read_text(encoding="utf-8")
        return Source(name, read(text))
    except UnicodeDecodeError:
        return Mistake(name, 0, "not_utf8")
    except Unreadable as error:
        return explained(name, text, error)


def misshapen(folder: str, source: Source) -> Iterator[Mistake]:
    """Places where the file holds another kind of thing than it must."""
    if source.document.data is not None and not isinstance(source.document.data, dict):
        yield source.mistake("shape", key="version")
        return
    for key, kind in SHAPES[folder].items():
        value = source.data.get(key)
        if value is not None and not isinstance(value, kind):
            yield source.mistake("shape", key, key=key)
        elif isinstance(value, list) and key in PARTS:
            for number, entry in enumerate(value):
                for part in _wrong_parts(entry, PARTS[key]):
                    say = "shape_examples" if part == "examples" else "shape"
                    yield source.mistake(say, key, number, part, key=f"{key}: - {part}")
        elif isinstance(value, dict) and key in ("slots", "forms"):
            for name in (name for name, one in value.items() if not isinstance(one or {}, dict)):
                yield source.mistake("shape", key, name, key=f"{key}: {name}")
    responses = source.data.get("responses")
    for name, variations in (responses if folder == "domain" and isinstance(responses, dict) else {}).items():
        if not isinstance(variations, list) or not all(_variation(one) for one in variations):
            yield source.mistake("shape", "responses", name, key=name)


def _wrong_parts(entry: Any, parts: Mapping[str, type]) -> Iterator[str]:
    """The parts of a block of examples, a rule or a story that hold another kind of thing; the first for a block."""
    if not isinstance(entry, dict):
        yield next(iter(parts))
        return
    for part, kind in parts.items():
        value = entry.get(part)
        empty = value is None and (part not in entry or part in MAY_BE_EMPTY)
        if not empty and (not isinstance(value, kind) or (kind is list and not _steps(entry[part]))):
            yield part


def _steps(steps: list[Any]) -> bool:
    return all(isinstance(step, dict) and isinstance(step.get("or") or [], list) for step in steps) and all(
        isinstance(branch, dict) for step in steps for branch in step.get("or") or []
    )


def _variation(one: Any) -> bool:
    lists = [one.get("buttons"), one.get("condition")] if isinstance(one, dict) else [0]
    return all(x is None or (isinstance(x, list) and all(isinstance(y, dict) for y in x)) for x in lists)


def _add_domain(content: Content, source: Source) -> None:
    for kind, found in (("intents", content.intents), ("entities", content.entities), ("actions", content.actions)):
        for number, entry in enumerate(source.data.get(kind) or []):
            for name in entry if isinstance(entry, dict) else [str(entry)]:
                if kind == "intents" and name in found:
                    other = found[name][0].name
                    content.repeated.append(source.mistake("intent_twice", kind, number, intent=name, other=other))
                    continue
                found[name] = (source, source.document.line(kind, number))
    content.slots.update(source.data.get("slots") or {})
    for name, form in (source.data.get("forms") or {}).items():
        content.forms[name] = (source, (form or {}).get("required_slots") or [])
    for name, variations in (source.data.get("responses") or {}).items():
        if name in content.responses:
            other = content.responses[name].source.name
            content.repeated.append(source.mistake("response_twice", "responses", name, response=name, other=other))
        content.responses[name] = Response(name, source, variations)


def _examples(source: Source) -> Iterator[Example]:
    for number, block in enumerate(source.data.get("nlu") or []):
        if not block.get("intent"):
            continue
        language = str((block.get("metadata") or {}).get("language") or "")
        first = source.document.line("nlu", number, "examples")
        for below, line in enumerate(str(block.get("examples") or "").splitlines(), 1):
            text = line.strip().removeprefix("-").strip()
            if text:
                yield Example(text, str(block["intent"]), language, source.name, first + below)
