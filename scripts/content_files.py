"""Reads the content folders into plain words for the checks. Knows YAML, knows no rule."""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDERS = ("domain", "nlu", "stories", "tests/content")
LANGUAGES = ("it", "en")
#: The one in C reads everything in a tenth of the time; a wheel without it is rare.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: A response's name of which the code says only that it is one.
ANY = r"utter_\w+"


@dataclass(frozen=True)
class Code:
    """What actions/*.py names: actions it has, responses it utters (by name, or built from parts), payloads."""

    actions: frozenset[str]
    responses: frozenset[str]
    #: regular expressions of the names that are built
    built: frozenset[str]
    #: intents of the payloads of buttons built in code
    intents: frozenset[str]


@dataclass(frozen=True)
class Content:
    """One content folder. Keys of `files` are folders, then file stems."""

    files: dict[str, dict[str, dict[str, Any]]]
    #: Sentences about files that are no YAML; nothing else can be checked then.
    unreadable: list[str]
    code: Code
    #: intent -> language -> examples; the language is "" where the block names none.
    examples: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    #: intent -> file stem, for messages
    example_files: dict[str, str] = field(default_factory=dict)
    intents: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    forms: dict[str, list[str]] = field(default_factory=dict)
    #: declared action -> file stem
    actions: dict[str, str] = field(default_factory=dict)
    #: response -> its variations; and its file stem
    responses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    response_files: dict[str, str] = field(default_factory=dict)


def read_content(root: Path) -> Content:
    """All files below `root`. A file that is no YAML becomes a sentence in `unreadable`."""
    files: dict[str, dict[str, dict[str, Any]]] = {folder: {} for folder in FOLDERS}
    unreadable: list[str] = []
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*.yml")):
            try:
                found = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
            except (yaml.YAMLError, UnicodeDecodeError) as error:
                unreadable.append(f"{folder}/{path.name}: cannot be read, {' '.join(str(error).split())}.")
                continue
            files[folder][path.stem] = found if isinstance(found, dict) else {}
    content = Content(files=files, unreadable=unreadable, code=read_code(root / "actions"), **_domain(files["domain"]))
    for stem, file in files["nlu"].items():
        _add_examples(content, stem, file)
    return content


def _domain(files: dict[str, dict[str, Any]]) -> dict[str, Any]:
    forms: dict[str, list[str]] = {}
    found: dict[str, dict[str, Any]] = {"actions": {}, "responses": {}, "response_files": {}}
    named: dict[str, set[str]] = {"intents": set(), "entities": set(), "slots": set()}
    for stem, file in files.items():
        for key in named:
            for entry in file.get(key) or []:
                named[key].update([entry] if isinstance(entry, str) else entry)
        forms |= {name: (form or {}).get("required_slots") or [] for name, form in (file.get("forms") or {}).items()}
        found["actions"] |= dict.fromkeys(file.get("actions") or [], stem)
        for name, variations in (file.get("responses") or {}).items():
            found["responses"][name] = variations or []
            found["response_files"][name] = stem
    return {"forms": forms, **found, **{key: frozenset(names) for key, names in named.items()}}


def _add_examples(content: Content, stem: str, file: dict[str, Any]) -> None:
    for block in file.get("nlu") or []:
        intent = block.get("intent")
        if not intent:
            continue
        language = str((block.get("metadata") or {}).get("language") or "")
        lines = [line.strip() for line in str(block.get("examples") or "").splitlines()]
        texts = [line.removeprefix("-").strip() for line in lines if line]
        content.examples.setdefault(intent, {}).setdefault(language, []).extend(texts)
        content.example_files[intent] = stem


def read_code(folder: Path) -> Code:
    """Names in the actions' code, read without running it: what `name()` returns, and every "utter_..." text."""
    actions: set[str] = set()
    responses: set[str] = set()
    built: set[str] = set()
    intents: set[str] = set()
    words: set[str] = set()
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name == "name":
                actions |= {text for text in _texts(node) if text.startswith(("action_", "validate_"))}
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(target, ast.Name) and target.id == "form" for target in targets):
                    actions |= {f"validate_{text}" for text in _texts(node.value)}
            if isinstance(node, ast.JoinedStr):
                parts = [str(p.value) if isinstance(p, ast.Constant) else r"\w+" for p in node.values]
                built |= {"".join(parts)} if parts[0].startswith("utter_") else set()
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words |= {node.value} if node.value.isidentifier() else set()
                payload = re.match(r"/([a-z_]+)", node.value)
                intents |= {payload[1]} if payload else set()
                responses |= {node.value} if re.fullmatch(r"utter_\w+", node.value) else set()
    # "utter_action" is Rasa's word for "which response was this", "validate_" the start of a form's check. The parts
    # of a built name end with "_".
    whole = {name for name in responses if not name.endswith("_")} - {"utter_action"}
    if ANY in built:  # only the words of the code say which names this one makes
        built = built - {ANY} | {f"utter_{word}" for word in words}
    names = (actions - {"validate_"}, whole, built, intents)
    return Code(*(frozenset(found) for found in names))


def _texts(node: ast.AST) -> set[str]:
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier()
    }
