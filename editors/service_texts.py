"""What the service itself says (bot/texts/), the same in both languages; the topics at the desk and in teams.yml."""

from __future__ import annotations

from collections.abc import Iterator

from editors.answers import VARIABLE
from editors.content import LANGUAGES, Content, Source, read_source
from editors.sentences import Mistake
from editors.yaml_lines import Path

FOLDER = "bot/texts"
DESK = "bot/desk/texts"
TEAMS = "teams.yml"


def check_service_texts(content: Content) -> Iterator[Mistake]:
    """A missing key stops the bot at its start; here it is told before."""
    texts: dict[str, dict[Path, str]] = {}
    sources: dict[str, Source] = {}
    for language in LANGUAGES:
        found = _read(content, FOLDER, language)
        if not isinstance(found, Source):
            if found:
                yield found
            return
        sources[language] = found
        texts[language] = dict(_flat(found.data, ()))
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
    typed = {example.intent for example in content.examples} & set(content.intents)
    for language in LANGUAGES:
        found = _read(content, DESK, language)
        if not isinstance(found, Source):
            if found:
                yield found
            continue
        for intent in sorted(typed - set(found.data.get("topic") or ())):
            source, line = content.intents[intent]
            yield Mistake(source.name, line, "no_desk_name", {"intent": intent, "file": found.name})


def check_teams(content: Content) -> Iterator[Mistake]:
    """A misspelt topic would be nobody's: its customers go to the first team, and who waits is not answered."""
    if not (content.root / TEAMS).exists():
        return
    found, desk = read_source(content.root, TEAMS), _read(content, DESK, "it")
    if not isinstance(found, Source):
        yield found
        return
    reasons = set(desk.data.get("reason") or ()) if isinstance(desk, Source) else set()
    teams = found.data.get("teams")
    lists: list[tuple[Path, object]] = [(("while_waiting",), found.data.get("while_waiting"))]
    for key, team in teams.items() if isinstance(teams, dict) else ():
        lists.append((("teams", str(key), "topics"), team.get("topics") if isinstance(team, dict) else None))
    for path, names in lists:
        for place, name in enumerate(names if isinstance(names, list) else ()):
            if name not in content.intents and (path[0] != "teams" or name not in reasons):
                yield found.mistake("teams_topic", *path, place, name=name)


def _read(content: Content, folder: str, language: str) -> Source | Mistake | None:
    """A language's file, or why it cannot be read; None where there is none."""
    name = f"{folder}/{language}.yml"
    return read_source(content.root, name) if (content.root / name).exists() else None


def _flat(tree: dict[str, object], path: Path) -> Iterator[tuple[Path, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, str(key)))
        else:
            yield (*path, str(key)), str(value)
