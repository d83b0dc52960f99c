"""What the service itself says (bot/texts/), the same in both languages; what the desk calls the topics."""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from editors.answers import VARIABLE
from editors.content import LANGUAGES, Content, Source
from editors.sentences import Mistake
from editors.yaml_lines import Path, Unreadable, read
from editors.yaml_trouble import explained

FOLDER = "bot/texts"
DESK = "bot/desk/texts"


def check_service_texts(content: Content) -> Iterator[Mistake]:
    """A missing key stops the bot at its start; here it is told before."""
    texts: dict[str, dict[Path, str]] = {}
    sources: dict[str, Source] = {}
    for language in LANGUAGES:
        path = content.root / FOLDER / f"{language}.yml"
        name = f"{FOLDER}/{language}.yml"
        if not path.exists():
            return
        try:
            text = path.read_text(encoding="utf-8")
            sources[language] = Source(name, read(text))
        except UnicodeDecodeError:
            yield Mistake(name, 0, "not_utf8")
            return
        except Unreadable as error:
            yield explained(name, text, error)
            return
        texts[language] = dict(_flat(sources[language].data, ()))
    for language, other in (("it", "en"), ("en", "it")):
        for key in texts[other].keys() - texts[language].keys():
            yield sources[other].mistake("service_text_missing", *key, key=".".join(map(str, key)), lacking=language)
    for key in texts["it"].keys() & texts["en"].keys():
        facts = [set(VARIABLE.findall(texts[language][key])) for language in LANGUAGES]
        for language, names in (("it", facts[1] - facts[0]), ("en", facts[0] - facts[1])):
            if names:
                said = ", ".join("{" + name + "}" for name in sorted(names))
                yield sources[language].mistake(
                    "service_text_lacks", *key, key=".".join(map(str, key)), names=said
                )


def check_desk_names(content: Content) -> Iterator[Mistake]:
    """Whoever takes over reads what it is about in their own language, not the name of a file."""
    for language in LANGUAGES:
        file = content.root / DESK / f"{language}.yml"
        if file.exists():
            named = yaml.safe_load(file.read_text(encoding="utf-8"))["topic"]
            typed = {example.intent for example in content.examples} & set(content.intents)
            for intent in sorted(typed - set(named)):
                source, line = content.intents[intent]
                values = {"intent": intent, "file": f"{DESK}/{language}.yml"}
                yield Mistake(source.name, line, "no_desk_name", values)


def _flat(tree: dict[str, object], path: Path) -> Iterator[tuple[Path, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, str(key)))
        else:
            yield (*path, str(key)), str(value)
