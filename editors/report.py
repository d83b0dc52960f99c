"""`make evaluate`: data/evaluation.html, one file that fetches nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from editors import findings, pictures
from editors.content import Content, read_content
from editors.report_words import SMALL_TALK, WORDS
from editors.understanding import NoModel, Tried, Understanding, understand

HERE = Path(__file__).resolve().parent
#: Topics shown sentence by sentence, and sentences of each.
WEAKEST, SENTENCES = 8, 12
GOOD_CALIBRATION = 0.05


def evaluate(root: Path, language: str, out: Path | None) -> int:
    """The command; 1 when there is nothing to measure."""
    content = read_content(root)
    if content.unreadable:
        print("\n".join(mistake.text(language) for mistake in content.unreadable), file=sys.stderr)
        return 1
    try:
        page = render(content, understand(content), language, today=date.today())
    except NoModel as error:
        print(error, file=sys.stderr)
        return 1
    file = out or root / "data" / "evaluation.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(page, encoding="utf-8")
    print(WORDS["written"][language != "it"].format(file=file))
    return 0


def render(content: Content, understanding: Understanding, language: str, *, today: date) -> str:
    """The page. Both languages are in it; `language` is the one it opens with."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.filters["percent"] = percent
    named = [
        findings.titles(content, each) | {name: said[n] for name, said in SMALL_TALK.items()}
        for n, each in enumerate(("it", "en"))
    ]

    def topic(name: str) -> Markup:
        return both(*(one.get(name, name) for one in named))

    template = environment.get_template("report.html")
    return template.render(
        language=language, w=say, topic=topic, bar=lambda *of: Markup(pictures.bar(*of)), f=findings,
        today=f"{today:%d/%m/%Y}", u=understanding, topics=findings.topics(understanding),
        examples=[one for _, one in understanding.tried],
        advice=lambda one: advice(one, topic), pictures=drawn(understanding, named),
        weakest=WEAKEST, most=SENTENCES,
        good_calibration=GOOD_CALIBRATION,
    )  # fmt: skip


def say(key: str, **values: object) -> Markup:
    """A sentence in both languages; the page shows one."""
    return both(*(Markup(escape(words)).format(**values) for words in WORDS[key]))


def both(italian: str, english: str) -> Markup:
    """The same in two languages. What is the same in both is written once."""
    if italian == english:
        return escape(italian)
    return Markup('<span lang="it">{}</span><span lang="en">{}</span>').format(italian, english)


def percent(share: float) -> str:
    """95.3 %; whole where a tenth would be noise."""
    return f"{100 * share:.1f}%" if 0 < share < 1 else f"{100 * share:.0f}%"


def advice(one: findings.Topic, topic: Callable[[str], Markup]) -> list[Markup]:
    """What to do about a topic, in sentences."""
    lacking = {language: one.missing(language) for language in ("it", "en")}
    wanted = [language for language, count in lacking.items() if count]
    found = []
    if wanted:
        found.append(say("write_more" if len(wanted) == 2 else f"write_more_{wanted[0]}", **lacking))
    if one.right < findings.WEAK:
        rivals = [say("times", rival=topic(name), count=count) for name, count in one.rivals if count > 1]
        found += [say("tell_apart", rivals=Markup(", ").join(rivals))] if rivals else []
    if one.alike:
        first, second, _ = one.alike[0]
        key = "too_alike" if len(one.alike) > 1 else "too_alike_one"
        found.append(say(key, count=len(one.alike), one=first.text, other=second.text))
    return found


def drawn(understanding: Understanding, named: list[dict[str, str]]) -> dict[str, Markup]:
    """The pictures, each in both languages."""
    tried = [one for _, one in understanding.tried]
    names, counts = findings.matrix(understanding)
    now = tuple(findings.outcome_share(some, "unsure") for some in (tried, understanding.out_of_scope))
    points = findings.out_of_scope_curve(tried, understanding.out_of_scope)
    found: dict[str, list[str]] = {"matrix": [], "confidence": [], "scope": []}
    for n in (0, 1):

        def told(key: str, n: int = n, **values: object) -> str:
            return WORDS[key][n].format(**values)

        groups = [
            pictures.Group("right", told("group_right"), _scores(tried, right=True)),
            pictures.Group("wrong", told("group_wrong"), _scores(tried, right=False)),
            pictures.Group("beyond", told("group_beyond"), [one.score for one in understanding.out_of_scope]),
        ]
        lines = [(value, told(f"line_{name}")) for name, value in understanding.thresholds.items()]
        found["matrix"].append(pictures.matrix([named[n].get(x, x) for x in names], counts, told=told("matrix")))
        found["confidence"].append(
            pictures.histogram(groups, lines, low=told("less_sure"), high=told("more_sure"), told=told("confidence"))
        )
        found["scope"].append(
            pictures.curve(
                points, (now[0], now[1]), across=told("across"), up=told("up"), here=told("today"), told=told("scope")
            )
        )
    frame = Markup('<div lang="it">{}</div><div lang="en">{}</div>')
    return {key: frame.format(*(Markup(picture) for picture in pair)) for key, pair in found.items()}


def _scores(tried: list[Tried], *, right: bool) -> list[float]:
    return [one.score for one in tried if (one.taken_for == one.topic) is right]
