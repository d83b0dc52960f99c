"""All checks together: what `make content` prints, and what the tests hold the content to."""

from __future__ import annotations

from editors.answers import check_answers
from editors.content import Content
from editors.contradictions import check_contradictions
from editors.examples import check_examples
from editors.keys import check_keys
from editors.sentences import Mistake
from editors.service_texts import check_desk_names, check_service_texts, check_teams
from editors.understanding import NoModel, check_understanding, understand
from editors.wiring import check_actions, check_files, check_read, check_stories, check_topics

CHECKS = (
    check_files, check_keys, check_topics, check_examples, check_answers, check_stories, check_read,
    check_contradictions, check_actions, check_desk_names, check_service_texts,
    check_teams,
)  # fmt: skip


def written(content: Content) -> list[Mistake]:
    """Everything that can be told from the files alone, in the order of files and lines."""
    found = content.unreadable or [mistake for check in CHECKS for mistake in check(content)]
    return in_order(found)


def in_order(found: list[Mistake]) -> list[Mistake]:
    """By file and line: an editor goes through a file from top to bottom. Each once, however many answers share it."""
    once: dict[tuple[object, ...], Mistake] = {}
    for m in found:
        about = {name: value for name, value in m.values.items() if name != "response"}
        once.setdefault((m.file, m.line, m.say, str(about)), m)
    return sorted(once.values(), key=lambda m: (m.file, m.line))


def everything(content: Content) -> list[Mistake]:
    """What the files tell, and what the model makes of the examples. Without readable files only the former."""
    found = written(content)
    if content.unreadable:
        return found
    try:
        found += check_understanding(content, understand(content))
    except NoModel as error:
        found.append(Mistake("nlu/", 0, "no_model", {"error": str(error)}))
    return in_order(found)
