"""Names in the actions' code, read without running it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

#: A response's name of which the code says only that it is one.
ANY = r"utter_\w+"
#: The place of a part in a built name.
WORD = r"\w+"


@dataclass(frozen=True)
class Code:
    """What actions/*.py names: actions it has, responses it utters (by name, or built from parts), payloads."""

    actions: frozenset[str] = frozenset()
    responses: frozenset[str] = frozenset()
    #: regular expressions of the names that are built
    built: frozenset[str] = frozenset()
    #: intents of the payloads of buttons built in code
    intents: frozenset[str] = frozenset()
    #: every word that may name a variable: arguments, keys, fields
    variables: frozenset[str] = frozenset()


@dataclass
class _Found:
    actions: set[str] = field(default_factory=set)
    responses: set[str] = field(default_factory=set)
    built: set[str] = field(default_factory=set)
    intents: set[str] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)


def read_code(folder: Path) -> Code:
    """What `name()` returns, every "utter_..." text, every payload, every name that a response may be given."""
    found = _Found()
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            _look(node, found)
    # "utter_action" is Rasa's word for "which response was this", "validate_" the start of a form's check. The parts
    # of a built name end with "_".
    whole = {name for name in found.responses if not name.endswith("_")} - {"utter_action"}
    built = found.built
    if ANY in built:  # only the words of the code say which names this one makes
        built = built - {ANY} | {f"utter_{word}" for word in found.words}
    names = (found.actions - {"validate_"}, whole, built, found.intents, found.variables)
    return Code(*(frozenset(each) for each in names))


def _look(node: ast.AST, found: _Found) -> None:
    if isinstance(node, ast.FunctionDef) and node.name == "name":
        found.actions |= {text for text in _texts(node) if text.startswith(("action_", "validate_"))}
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(isinstance(target, ast.Name) and target.id == "form" for target in targets):
            found.actions |= {f"validate_{text}" for text in _texts(node.value)}
    if isinstance(node, ast.JoinedStr):
        parts = [str(p.value) if isinstance(p, ast.Constant) else WORD for p in node.values]
        found.built |= {"".join(parts)} if parts[0].startswith("utter_") else set()
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found.words |= {node.value} if node.value.isidentifier() else set()
        payload = re.match(r"/([a-z_]+)", node.value)
        found.intents |= {payload[1]} if payload else set()
        found.responses |= {node.value} if re.fullmatch(ANY, node.value) else set()
    if isinstance(node, ast.keyword) and node.arg:
        found.variables.add(node.arg)
    if isinstance(node, ast.Dict):
        found.variables |= {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}


def _texts(node: ast.AST) -> set[str]:
    return {
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value.isidentifier()
    }
