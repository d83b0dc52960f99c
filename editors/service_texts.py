"""What the service itself says (bot/texts/): the same keys and the same variables in both languages."""

from __future__ import annotations

from collections.abc import Iterator

from editors.answers import VARIABLE
from editors.content import LANGUAGES, Content, Source
from editors.sentences import Mistake
from editors.yaml_lines import Path, Unreadable, read
from editors.yaml_trouble import explained

FOLDER = "bot/texts"


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


def _flat(tree: dict[str, object], path: Path) -> Iterator[tuple[Path, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, str(key)))
        else:
            yield (*path, str(key)), str(value)
