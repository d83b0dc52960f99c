"""The teams of the company, read from teams.yml: who takes which topic, when they are there, in which languages.

`teams_of` names every mistake of the file at once, in words: whoever edits it is no programmer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from holidays.registry import EntityLoader

from bot.model.team import DAYS, FIRST, NEXT, RESOLUTION, Team

FILE = "teams.yml"
LANGUAGES = ("it", "en")
MIDNIGHT = "24:00"  # the end of a day, as people write it; a `time` has no such hour
LONGEST_WAIT = 240  # minutes: an offer that stands longer than this is a queue by another name
LONGEST_TARGET = timedelta(hours=500)  # of opening hours: what takes longer is promised, not aimed at
LARGEST = 200_000  # characters of the file, with all that is reused in it
MOST_WEEKS = 26  # a target that a team needs longer for could not be told a day at all
_LENGTH = re.compile(r"(?P<number>[1-9]\d{0,3}) ?(?P<unit>min|h)")
_UNITS = {"min": timedelta(minutes=1), "h": timedelta(hours=1)}
_KEY = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_ALL = {"company", "timezone", "languages", "while_waiting", "teams"}
#: The library's own list of these codes reads all 250 countries for it: an eighth of a second, and memory for good.
_COUNTRIES = frozenset(EntityLoader.get_country_codes(True))
_EACH = {"name", "topics", "languages", "hours", "holidays", "closed", "minutes", "targets"}


@dataclass(frozen=True)
class Teams:
    """All teams, in the order of the file: the first takes what no other team's topics name."""

    company: str
    zone: ZoneInfo
    languages: tuple[str, ...]  # of the company; the first is the default
    all: tuple[Team, ...]
    while_waiting: frozenset[str] = frozenset()  # topics that the bot answers also to who waits for a person

    @property
    def first(self) -> Team:
        """Who takes what nobody else does."""
        return self.all[0]

    def get(self, key: str) -> Team:
        """The team with this key; the first one for a team that is no longer in the file."""
        return next((team for team in self.all if team.key == key), self.first)

    def has(self, key: str) -> bool:
        """Whether there is such a team."""
        return any(team.key == key for team in self.all)

    def of(self, topic: str, reason: str = "") -> Team:
        """Whose matter it is: by the topic, else by the reason of the hand-off (a complaint), else the first team's."""
        for word in (topic, reason):
            for team in self.all:
                if word and word in team.topics:
                    return team
        return self.first


def teams_from(text: str) -> Teams:
    """The teams that a file's text describes. Raises ValueError, naming every mistake."""
    try:
        return teams_of(_read(text))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        problem = getattr(error, "problem", None) or "cannot be read"
        raise ValueError(f"{FILE}: {line}{problem}") from None
    except RecursionError:
        raise ValueError(f"{FILE}: one thing inside the other, without end") from None


def _read(text: str) -> Any:
    """The text as plain data. Raises ValueError, yaml.YAMLError, RecursionError."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _written_out(node, {}) > LARGEST:
            raise ValueError(f"{FILE}: too long, with all that is reused in it")
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _written_out(node: yaml.Node, known: dict[int, int]) -> int:
    """Characters and values, were each `*name` what it stands for: a few lines may stand for more than memory holds."""
    if isinstance(node, yaml.ScalarNode):
        return 1 + len(node.value)
    if id(node) not in known:
        known[id(node)] = LARGEST + 1  # until it is counted: what holds itself has no end
        parts = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
        known[id(node)] = min(1 + sum(_written_out(part, known) for part in parts), LARGEST + 1)
    return known[id(node)]


def teams_of(raw: Any) -> Teams:
    """The teams that teams.yml, as plain data, describes. Raises ValueError, naming every mistake in it."""
    if not isinstance(raw, dict):
        raise ValueError(f"{FILE}: is empty or no list of names and values")
    problems = _unknown(raw, _ALL, "")
    languages = _languages(raw.get("languages"), LANGUAGES, "languages", problems)
    zone = _zone(raw.get("timezone"), problems)
    given = raw.get("teams")
    if not isinstance(given, dict) or not given:
        problems.append("teams: there must be one team at least")
        given = {}
    teams = tuple(_team(str(key), each, zone, languages, problems) for key, each in given.items())
    _twice(teams, problems)
    while_waiting = _topics(raw.get("while_waiting"), "while_waiting: ", problems)
    if problems:
        raise ValueError(f"{FILE}: " + "; ".join(problems))
    return Teams(str(raw.get("company") or ""), zone, languages, teams, while_waiting)


def _team(key: str, raw: Any, zone: ZoneInfo, languages: tuple[str, ...], problems: list[str]) -> Team:
    if not _KEY.fullmatch(key):
        problems.append(f"teams: {key!r} must be small letters, digits, - or _, at most 32")
    if not isinstance(raw, dict):
        problems.append(f"{key}: has no hours and no name")
        raw = {}
    problems += _unknown(raw, _EACH, f"{key}: ")
    hours = raw.get("hours") or {}
    if not isinstance(hours, dict):
        problems.append(f"{key}: hours: must name the days")
        hours = {}
    problems += [f"{key}: hours: {day!r} is no day" for day in hours if day not in DAYS]
    spans = tuple(_spans_of(hours, day, key, problems) for day in DAYS)
    if not any(spans):
        problems.append(f"{key}: hours: the team is never open")
    country = raw.get("holidays") or ""
    if country and country not in _COUNTRIES:
        problems.append(f"{key}: holidays: {country!r} is no country's code")
    name = raw.get("name")
    name = {str(k): str(v) for k, v in name.items() if v} if isinstance(name, dict) else {}
    problems += [f"{key}: name: none for {language}" for language in languages if not name.get(language)]
    minutes = raw.get("minutes", 5)
    if type(minutes) is not int or not 1 <= minutes <= LONGEST_WAIT:
        problems.append(f"{key}: minutes: {minutes!r} is no whole number from 1 to {LONGEST_WAIT}")
        minutes = 5
    targets = _targets(raw.get("targets"), key, problems)
    if any(length > _there(spans) * MOST_WEEKS for length in targets.values()):
        problems.append(f"{key}: targets: the team is not there that long in {MOST_WEEKS} weeks")
    own = raw.get("languages", list(languages))
    return Team(
        key=key,
        name=name,
        zone=zone,
        hours=spans,
        country=str(country),
        closed=_closed(raw.get("closed"), key, problems),
        languages=_languages(own, languages, f"{key}: languages", problems),
        topics=_topics(raw.get("topics"), f"{key}: topics: ", problems),
        minutes=minutes,
        targets=targets,
    )


def _unknown(raw: dict[Any, Any], known: set[str], where: str) -> list[str]:
    """A word that is misspelt would otherwise be left out in silence."""
    return [f"{where}{word!r} is not known here" for word in raw if word not in known]


def _languages(raw: Any, known: tuple[str, ...], where: str, problems: list[str]) -> tuple[str, ...]:
    given = tuple(str(each) for each in raw) if isinstance(raw, list) else ()
    if not given or set(given) - set(known):
        problems.append(f"{where}: must name {' or '.join(known) or 'it or en'}, as a list: [it, en]")
        return known
    return tuple(dict.fromkeys(given))


def _zone(raw: Any, problems: list[str]) -> ZoneInfo:
    try:
        return ZoneInfo(str(raw))
    except (KeyError, ValueError, OSError):
        problems.append(f"timezone: {raw!r} is not known")
    return ZoneInfo("UTC")


def _topics(raw: Any, where: str, problems: list[str]) -> frozenset[str]:
    if raw is None:
        return frozenset()
    if not isinstance(raw, list) or not all(isinstance(each, str) for each in raw):
        problems.append(f"{where}must be a list of words")
        return frozenset()
    return frozenset(raw)


def _closed(raw: Any, key: str, problems: list[str]) -> frozenset[date]:
    if raw is None:
        return frozenset()
    days = raw if isinstance(raw, list) else [raw]
    problems += [f"{key}: closed: {day!r} is no date like 2026-12-24" for day in days if type(day) is not date]
    return frozenset(day for day in days if type(day) is date)


def _targets(raw: Any, key: str, problems: list[str]) -> dict[str, timedelta]:
    """How soon the team means to answer and to be done, counted in its own opening hours."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        problems.append(f"{key}: targets: must name {FIRST}, {NEXT} or {RESOLUTION}")
        return {}
    problems += _unknown(raw, {FIRST, NEXT, RESOLUTION}, f"{key}: targets: ")
    targets = {}
    for name in (FIRST, NEXT, RESOLUTION):
        if name not in raw:
            continue
        match = _LENGTH.fullmatch(str(raw[name]).strip())
        length = int(match["number"]) * _UNITS[match["unit"]] if match else None
        if length is None or length > LONGEST_TARGET:
            most = f"{LONGEST_TARGET // timedelta(hours=1)} h"
            problems.append(f"{key}: targets: {name}: {raw[name]!r} is not of the form 15 min or 8 h, at most {most}")
        else:
            targets[name] = length
    return targets


def _there(days: tuple[tuple[tuple[time, time], ...], ...]) -> timedelta:
    """How long the team is there in a week."""
    return sum((_length(begins, ends) for day in days for begins, ends in day), timedelta())


def _length(begins: time, ends: time) -> timedelta:
    length = datetime.combine(date.min, ends) - datetime.combine(date.min, begins)
    return length if length > timedelta() else length + timedelta(days=1)  # until midnight


def _twice(teams: tuple[Team, ...], problems: list[str]) -> None:
    seen: dict[str, str] = {}
    for team in teams:
        for topic in sorted(team.topics):
            if topic in seen:
                problems.append(f"{team.key}: topics: {topic!r} is {seen[topic]}'s already")
            seen.setdefault(topic, team.key)


def _spans_of(hours: dict[str, Any], day: str, key: str, problems: list[str]) -> tuple[tuple[time, time], ...]:
    spans = []
    listed = hours.get(day) or []
    if not isinstance(listed, list):
        problems.append(f'{key}: hours: {day} must be a list: ["08:30-21:30"]')
        return ()
    for span in listed:
        try:
            first, last = (clock.strip() for clock in str(span).split("-"))
            start, end = time.fromisoformat(first), time.min if last == MIDNIGHT else time.fromisoformat(last)
        except ValueError:
            problems.append(f"{key}: hours: {day}: {span!r} is not of the form 08:30-21:30")
            continue
        if start >= end and last != MIDNIGHT:
            problems.append(f"{key}: hours: {day}: {span!r} ends before it begins")
        spans.append((start, end))
    return tuple(sorted(spans))
