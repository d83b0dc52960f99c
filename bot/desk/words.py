"""The desk's language: Italian or English by the agent's browser, and times the way people say them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from bot.flow.texts import Texts

FOLDER = Path(__file__).parent / "texts"
_CODE = re.compile(r"[a-z_]+(?=[:;]|$)")


@dataclass(frozen=True)
class Words:
    """Texts in one language, at one moment. Templates know it as `w`."""

    texts: Texts
    language: str
    zone: ZoneInfo
    now: datetime

    def __call__(self, key: str, **values: Any) -> str:
        """A text of the desk. Raises KeyError for an unknown key."""
        return self.texts.say(key, self.language, **values)

    def name(self, group: str, code: str | None) -> str:
        """The words for a code of the product (a reason, an intent, a fact); the code itself where there are none."""
        code = code or ""
        if self.texts.has(f"{group}.{code}"):
            return self.texts.say(f"{group}.{code}", self.language)
        return code.replace("_", " ").strip()

    def noted(self, said: str) -> str:
        """What an action noted or promised: a word of `noted`, perhaps with what it is about ("case_late: R-20410").

        A sentence of a company's own, or of a person, is shown as it is.
        """
        code, _, about = said.partition(":")
        key = f"noted.{code}"
        return self(key, about=about.strip()) if self.texts.has(key) else said

    def problem(self, problem: str | None) -> str:
        """Why something was not sent. Only known codes are put into words: details may hold a platform's address."""
        match = _CODE.match(problem or "")
        code = match[0] if match else re.sub(r"\W+", "_", problem or "").lower()
        known = self.texts.has(f"problem.{code}")
        return self.texts.say(f"problem.{code if known else 'other'}", self.language)

    def value(self, value: Any) -> str:
        """A learned value as text."""
        if isinstance(value, bool):
            return self("yes") if value else self("no")
        if isinstance(value, dict):
            return ", ".join(f"{k}: {self.value(v)}" for k, v in value.items())
        if isinstance(value, list):
            return ", ".join(self.value(v) for v in value)
        text = str(value)
        # codes that the content uses for its own choices, as people say them
        return self(f"value.{text}") if self.texts.has(f"value.{text}") else text

    def clock(self, moment: datetime) -> str:
        """The time of day where the team is."""
        local = moment.astimezone(self.zone)
        return f"{local.hour}:{local.minute:02}"

    def day(self, moment: datetime) -> str:
        """Today, yesterday, or the date."""
        local, today = moment.astimezone(self.zone).date(), self.now.astimezone(self.zone).date()
        ago = (today - local).days
        if -1 <= ago <= 1:
            return self(("tomorrow", "today", "yesterday")[ago + 1])
        month = self.texts.say("months", self.language).split()[local.month - 1]
        year = "" if local.year == today.year else f" {local.year}"
        return f"{local.day} {month}{year}"

    def at(self, moment: datetime) -> str:
        """Day and time."""
        return f"{self.day(moment)}, {self.clock(moment)}"

    def span(self, length: timedelta) -> str:
        """A length of time in one look: "3 min", "1 h 20", "2 g". The same rules are in desk.js."""
        minutes = max(0, int(length.total_seconds() // 60))
        if minutes < 1:
            return self("units.now")
        if minutes < 60:
            return f"{minutes} {self('units.minute')}"
        if minutes < 24 * 60:
            rest = f" {minutes % 60:02}" if minutes < 600 and minutes % 60 else ""
            return f"{minutes // 60} {self('units.hour')}{rest}"
        return f"{minutes // 1440} {self('units.day')}"

    def length(self, length: timedelta) -> str:
        """A fixed length as it is spoken of: "24 h", "7 g"."""
        hours = int(length.total_seconds() // 3600)
        return f"{hours} {self('units.hour')}" if hours <= 48 else f"{hours // 24} {self('units.day')}"

    def since(self, moment: datetime) -> str:
        """How long ago."""
        return self.span(self.now - moment)

    def until(self, moment: datetime) -> str:
        """How long still."""
        return self.span(moment - self.now)


def language_of(accept: str) -> str:
    """The language of a browser's Accept-Language: Italian unless English is wanted more."""
    best, language = 0.0, "it"
    for part in accept.lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if tag[:2] in ("it", "en") and weight > best:
            best, language = weight, tag[:2]
    return language
