"""Incidents of the demo company that the page can close, so that "tell me when it is fixed" can be tried."""

from __future__ import annotations

import json
import os
from pathlib import Path


class Incidents:
    """`incidents.json` in the state folder: `{"INC-1042": "closed"}`; one that is not in it is open."""

    def __init__(self, known: list[str], folder: Path | None) -> None:
        self._known = known
        self._path = folder / "incidents.json" if folder else None

    def state(self) -> dict[str, bool]:
        """Is it closed? Empty where there are no demo systems to tell."""
        if self._path is None:
            return {}
        written = self._written()
        return {incident: written.get(incident) == "closed" for incident in self._known}

    def set(self, incident: str, *, closed: bool) -> None:
        """Close or open one. KeyError for an unknown one."""
        if self._path is None or incident not in self._known:
            raise KeyError(incident)
        written = self._written()
        written.pop(incident, None)
        if closed:
            written[incident] = "closed"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Replaced in one step: the demo systems may read it at any moment.
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(written))
        os.replace(new, self._path)

    def _written(self) -> dict[str, str]:
        try:
            written = json.loads(self._path.read_text()) if self._path else {}
        except (FileNotFoundError, ValueError):
            return {}
        return written if isinstance(written, dict) else {}
