"""What the service itself says, in each language: read once from bot/texts/."""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent.parent / "texts"
#: The library's own part in C reads seven times as fast: a tenth of a second of each start.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Texts:
    """Texts by key and language. Both files must have the same keys: a missing one is found at start, not at night."""

    def __init__(self, folder: Path = FOLDER, **always: str) -> None:
        """Read it.yml and en.yml; `always` fills names that every text may use. Raises ValueError if they differ."""
        self._always = always
        self._texts = {
            language: dict(_flat(yaml.load((folder / f"{language}.yml").read_text("utf-8"), Loader=LOADER)))
            for language in ("it", "en")
        }
        odd = self._texts["it"].keys() ^ self._texts["en"].keys()
        if odd:
            raise ValueError(f"{folder.name}/: only one language has {', '.join(sorted(odd))}")

    def about(self, **always: str) -> Texts:
        """The same texts, with other names filled in."""
        other = copy(self)
        other._always = {**self._always, **always}
        return other

    def say(self, key: str, language: str, **values: Any) -> str:
        """The text, filled in. Raises KeyError for an unknown key or a value that is missing."""
        return self._texts[language][key].format(**self._always, **values)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts["it"]


def _flat(tree: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in tree.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(f"{prefix}{key}", str(value))]
    return pairs
