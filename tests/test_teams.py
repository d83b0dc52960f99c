"""The teams: who takes what, when somebody is there, when they are back, and how a mistake in the file is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.flow.texts import Texts
from bot.model.choosing import Choice, Person, Wanted, choose, goes_to_the_lead
from bot.model.team import DAYS, Team, since, when
from bot.model.teams import Teams, teams_from, teams_of
from tests.flow_support import CARE, TEAMS

ROME = ZoneInfo("Europe/Rome")
SPLIT = {**CARE, "hours": {"monday": ["14:00-19:00", "08:30-13:00"]}}


def teams(**each: Any) -> Teams:
    """The teams of a file that has these."""
    return teams_of({**TEAMS, "teams": each})


def team_of(raw: dict[str, Any]) -> Team:
    return teams(care=raw).first


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
    assert team_of(CARE).opens(at(now)) == (at(opens) if opens else None)


def test_the_moment_counts_not_its_zone() -> None:
    assert team_of(CARE).opens(datetime.fromisoformat("2026-11-24T07:30:00+00:00")) is None
    assert team_of(CARE).opens(datetime.fromisoformat("2026-11-24T02:29:00-05:00")) is not None


def test_a_lunch_break_is_closed() -> None:
    team = team_of(SPLIT)
    assert team.opens(at("2026-11-23 13:00")) == at("2026-11-23 14:00")
    assert team.opens(at("2026-11-23 12:59")) is None


def test_a_team_may_be_there_until_midnight_and_all_night() -> None:
    evening = team_of({**CARE, "holidays": "", "hours": {"monday": ["20:00-24:00"]}})
    assert evening.opens(at("2026-11-23 23:59")) is None
    assert evening.opens(at("2026-11-24 00:00")) == at("2026-11-30 20:00")
    assert evening.open_time(at("2026-11-23 23:00"), at("2026-11-24 09:00")) == timedelta(hours=1)
    always = team_of({**CARE, "holidays": "", "hours": {day: ["00:00-24:00"] for day in DAYS}})
    assert always.opens(at("2026-11-23 23:59")) is always.opens(at("2026-11-24 00:00")) is None
    assert always.open_time(at("2026-11-23 12:00"), at("2026-11-25 12:00")) == timedelta(days=2)
    assert always.later(at("2026-11-23 23:00"), timedelta(hours=2)) == at("2026-11-24 01:00")


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


@pytest.mark.parametrize(
    ("moment", "it", "en"),
    [
        ("2026-11-24 08:05", "dalle 8:05", "since 8:05"),
        ("2026-11-23 22:00", "da ieri alle 22:00", "since yesterday at 22:00"),
        ("2026-11-20 18:20", "da venerdì alle 18:20", "since Friday at 18:20"),
        ("2026-11-10 09:00", "dal 10/11 alle 9:00", "since 10/11 at 9:00"),
    ],
)
def test_since(moment: str, it: str, en: str) -> None:
    now = at("2026-11-24 10:00")
    assert (since(at(moment), now, "it"), since(at(moment), now, "en")) == (it, en)


def test_days_off_are_closed() -> None:
    team = team_of({**CARE, "closed": [at("2026-11-24 00:00").date()]})
    assert team.opens(at("2026-11-24 10:00")) == at("2026-11-25 08:30")


@pytest.mark.parametrize(
    ("topic", "reason", "key"),
    [
        ("report_fault", "asked", "tech"),
        ("store_hours", "asked", "care"),
        ("", "asked", "care"),
        ("store_hours", "complaint", "complaints"),  # the reason of the hand-off counts where the topic is nobody's
        ("report_fault", "complaint", "tech"),
    ],
)
def test_whose_matter_it_is(topic: str, reason: str, key: str) -> None:
    own = {"care": CARE, "tech": {**CARE, "topics": ["report_fault"]}, "complaints": {**CARE, "topics": ["complaint"]}}
    assert teams(**own).of(topic, reason).key == key


def test_a_team_that_is_no_more_is_the_first_one() -> None:
    assert teams(care=CARE).get("gone").key == "care" and not teams(care=CARE).has("gone")


WRONG = """
company: X
timezone: Europe/Atlantis
languages: [it, en]
colour: red
teams:
  Care!:
    name: {it: Noi}
    hours: {monday: ["8-9", "19:00-08:00"], someday: []}
    holidays: XX
    closed: [tomorrow]
    minutes: 0
    topics: [bill]
    hour: {}
  tech:
    name: {it: Noi, en: Us}
    hours: {monday: ["09:00-10:00"]}
    languages: [fr]
    topics: [bill]
"""


def test_every_mistake_of_the_file_is_named_at_once() -> None:
    with pytest.raises(ValueError) as raised:
        teams_from(WRONG)
    said = str(raised.value)
    for word in ("'8-9'", "ends before", "'XX'", "none for en", "Atlantis", "'colour'", "'hour'", "'Care!'",
                 "'someday'", "'tomorrow'", "minutes: 0", "tech: languages", "Care!'s already"):  # fmt: skip
        assert word in said, (word, said)


def test_a_file_that_is_no_yaml_is_said_with_its_line() -> None:
    with pytest.raises(ValueError, match=r"teams\.yml: line \d"):
        teams_from("company: [\nteams: }")


def bomb(line: str) -> str:
    """A text whose last name stands for nine of the one before, and so on."""
    lines = [line.format(name=name, before=", ".join([f"*{before}"] * 9)) for before, name in pairwise("abcdefghijk")]
    return "\n".join(["a: &a {x: 1}", *lines, "company: *k"])


@pytest.mark.parametrize(
    "text",
    [
        bomb("{name}: &{name} [{before}]"),
        bomb("{name}: &{name} {{<<: [{before}]}}"),
        f"a: &a {'x' * 50_000}\nteams: [{'*a, ' * 5_000}]",
        "teams: &a [*a]",
        "[" * 20_000,
    ],
    ids=["lists", "merged", "texts", "itself", "deep"],
)
def test_a_file_that_stands_for_more_than_memory_holds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"teams\.yml"):
        teams_from(text)


def test_hours_may_be_written_once_and_reused() -> None:
    text = (Path(__file__).parent.parent / "teams.yml").read_text("utf-8")
    assert teams_from(text)
    each = "{name: {it: A, en: A}, hours: "
    reused = f'teams:\n  a: {each}&usual {{monday: ["08:30-21:30"]}}}}\n  b: {each}*usual}}'
    found = teams_from(f"company: X\ntimezone: Europe/Rome\nlanguages: [it, en]\n{reused}")
    assert found.all[0].hours == found.all[1].hours


@pytest.mark.parametrize("raw", [None, [], "x", {}, {**TEAMS, "teams": {}}, {**TEAMS, "teams": {"a": 5}}])
def test_no_team_is_said_in_words(raw: Any) -> None:
    with pytest.raises(ValueError, match=r"teams\.yml"):
        teams_of(raw)


@pytest.mark.parametrize(
    "change",
    [{"hours": []}, {"hours": {"monday": 5}}, {"name": "Noi"}, {"languages": "it"}, {"minutes": "5"},
     {"topics": "bill"}, {"closed": 7}],
)  # fmt: skip
def test_a_wrong_kind_of_value_is_said_in_words(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"teams\.yml"):
        team_of({**CARE, **change})


def test_the_shipped_file_is_right_and_both_languages_say_the_same() -> None:
    shipped = Path(__file__).resolve().parent.parent / "teams.yml"
    read = teams_from(shipped.read_text("utf-8"))
    assert read.of("activation_status").key != read.first.key
    texts = Texts(company=read.company)
    assert texts.has("introduction") and not texts.has("nothing of the kind")


def test_a_text_that_only_one_language_has_is_found_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "it.yml").write_text("a: uno\nb:\n  c: due\n")
    (tmp_path / "en.yml").write_text("a: one\n")
    with pytest.raises(ValueError, match=r"b\.c"):
        Texts(tmp_path)


NOW = at("2026-11-24 10:00")


def one(id_: int, **more: Any) -> Person:
    """Someone who is there; `teams`, `languages`, `topics` as words."""
    words = {name: frozenset(str(more.pop(name, "")).split()) for name in ("teams", "languages", "topics")}
    return Person(**{"id": id_, "present": True, **words, **more})


CASES: list[tuple[str, list[Person], dict[str, Any], tuple[int, str] | None]] = [
    ("nobody at all", [], {}, None),
    ("nobody there", [one(1, present=False)], {}, None),
    ("the one who knows", [one(1), one(2, load=5)], {"knows": 2}, (2, "knows")),
    ("who knows, with full hands", [one(1), one(2, load=9)], {"knows": 2}, (2, "knows")),
    ("who knows, of another team", [one(1), one(2, teams="tech")], {"knows": 2}, (2, "knows")),
    ("who knows is away", [one(1), one(2, present=False)], {"knows": 2}, (1, "free")),
    ("who knows let it lapse", [one(1), one(2)], {"knows": 2, "not_to": {2}}, (1, "free")),
    ("of the team", [one(1, teams="tech"), one(2, teams="care", load=5)], {}, (2, "free")),
    ("of no team is of all", [one(1)], {}, (1, "free")),
    ("nobody of the team", [one(1, teams="tech")], {}, None),
    ("topic before load", [one(1), one(2, topics="bill", load=5)], {}, (2, "topic")),
    ("load by share of hands", [one(1, load=2, capacity=4), one(2, load=3, capacity=10)], {}, (2, "free")),
    ("no hand free", [one(1, load=6), one(2, load=6, topics="bill")], {}, None),
    ("only by name", [one(1, capacity=0)], {}, None),
    ("only by name, and knows", [one(1, capacity=0)], {"knows": 1}, (1, "knows")),
    ("the language", [one(1, languages="en"), one(2, languages="it", load=5)], {}, (2, "free")),
    ("the language, all busy", [one(1, languages="en"), one(2, languages="it", load=6)], {}, None),
    ("nobody speaks it", [one(1, languages="en")], {}, (1, "language")),
    ("who had an offer longest ago", [one(1, last_offer=NOW), one(2, last_offer=at("2026-11-24 09:00"))], {},
     (2, "free")),
    ("who had none yet", [one(1, last_offer=NOW), one(2)], {}, (2, "free")),
    ("all let it lapse", [one(1), one(2)], {"not_to": {1, 2}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("people", "wanted", "right"), [each[1:] for each in CASES], ids=[each[0] for each in CASES])
def test_who_is_chosen_and_why(people: list[Person], wanted: dict[str, Any], right: tuple[int, str] | None) -> None:
    choice = choose(people, Wanted("care", "bill", "it", **wanted))
    assert (choice and (choice.agent_id, choice.why)) == right


@pytest.mark.parametrize(
    ("lapses", "someone", "lead"), [(0, False, False), (0, True, False), (1, True, False), (1, False, True),
                                    (2, True, True)],
)  # fmt: skip
def test_when_it_is_the_lead_s(lapses: int, someone: bool, lead: bool) -> None:
    assert goes_to_the_lead(lapses, Choice(1, "free") if someone else None) is lead
