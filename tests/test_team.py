"""The team's hours: when somebody is there, when they are back, and how that is said."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from flow_support import TEAM

from bot.flow.texts import Texts
from bot.model.team import team_of, when

ROME = ZoneInfo("Europe/Rome")
SPLIT = {**TEAM, "hours": {"monday": ["14:00-19:00", "08:30-13:00"]}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ROME)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-11-24 08:29", "2026-11-24 08:30"),
        ("2026-11-24 08:30", None),
        ("2026-11-24 21:29", None),
        ("2026-11-24 21:30", "2026-11-25 08:30"),
        ("2026-11-28 18:00", "2026-11-30 08:30"),  # Saturday evening
        ("2026-12-24 22:00", "2026-12-28 08:30"),  # two holidays (the second a Saturday) and a Sunday
        ("2026-03-29 12:00", "2026-03-30 08:30"),  # the clocks change
        ("2026-10-25 12:00", "2026-10-26 08:30"),
    ],
)
def test_opens(now: str, opens: str | None) -> None:
    assert team_of(TEAM).opens(at(now)) == (at(opens) if opens else None)


def test_the_moment_counts_not_its_zone() -> None:
    assert team_of(TEAM).opens(datetime.fromisoformat("2026-11-24T07:30:00+00:00")) is None
    assert team_of(TEAM).opens(datetime.fromisoformat("2026-11-24T02:29:00-05:00")) is not None


def test_a_lunch_break_is_closed() -> None:
    team = team_of(SPLIT)
    assert team.opens(at("2026-11-23 13:00")) == at("2026-11-23 14:00")
    assert team.opens(at("2026-11-23 12:59")) is None


@pytest.mark.parametrize(
    ("now", "moment", "it", "en"),
    [
        ("2026-11-24 07:00", "2026-11-24 08:30", "oggi alle 8:30", "today at 8:30"),
        ("2026-11-24 22:00", "2026-11-25 08:05", "domani alle 8:05", "tomorrow at 8:05"),
        ("2026-11-28 18:00", "2026-11-30 08:30", "lunedì alle 8:30", "Monday at 8:30"),
        ("2026-11-21 18:00", "2026-11-30 08:30", "lunedì 30/11 alle 8:30", "Monday 30/11 at 8:30"),
    ],
)
def test_when(now: str, moment: str, it: str, en: str) -> None:
    assert (when(at(moment), at(now), "it"), when(at(moment), at(now), "en")) == (it, en)


def test_every_mistake_of_the_file_is_named_at_once() -> None:
    wrong: dict[str, Any] = {
        "company": "X",
        "name": {"it": "Noi"},
        "timezone": "Europe/Atlantis",
        "hours": {"monday": ["8-9", "19:00-08:00"]},
        "holidays": "XX",
        "languages": ["it", "en"],
    }
    with pytest.raises(ValueError) as raised:
        team_of(wrong)
    for word in ("'8-9'", "ends before", "'XX'", "none for en", "Atlantis"):
        assert word in str(raised.value)


@pytest.mark.parametrize("raw", [None, [], "x", {}, {"hours": {}}, {**TEAM, "hours": {}}, {**TEAM, "languages": ["f"]}])
def test_no_team_is_said_in_words(raw: Any) -> None:
    with pytest.raises(ValueError, match="team.yml"):
        team_of(raw)


@pytest.mark.parametrize(
    "change",
    [{"hours": []}, {"hours": {"monday": 5}}, {"name": "Noi"}, {"languages": "it"}, {"timezone": None}],
)
def test_a_wrong_kind_of_value_is_said_in_words(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="team.yml"):
        team_of({**TEAM, **change})


def test_the_shipped_file_is_right_and_both_languages_say_the_same() -> None:
    shipped = Path(__file__).resolve().parent.parent / "team.yml"
    team = team_of(yaml.safe_load(shipped.read_text("utf-8")))
    assert team.languages
    texts = Texts(company=team.company)
    assert texts.has("introduction") and not texts.has("nothing of the kind")


def test_a_text_that_only_one_language_has_is_found_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "it.yml").write_text("a: uno\nb:\n  c: due\n")
    (tmp_path / "en.yml").write_text("a: one\n")
    with pytest.raises(ValueError, match=r"b\.c"):
        Texts(tmp_path)
