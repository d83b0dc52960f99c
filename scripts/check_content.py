"""Checks what editors write (domain/, nlu/, stories/, tests/content/) in about a second, without training.

    .venv/bin/python scripts/check_content.py [folder]

Prints every mistake in plain words, one a line, and ends with 1 when there is one.
"""

import sys
from pathlib import Path

from content_files import Content, read_content
from content_wiring import check_actions, check_files, check_stories
from content_words import check_examples, check_responses

CHECKS = (check_files, check_examples, check_responses, check_stories, check_actions)


def mistakes(content: Content) -> list[str]:
    """All mistakes of a content folder, in the order of the checks."""
    return content.unreadable or [found for check in CHECKS for found in check(content)]


def main() -> int:
    """The command; its exit code."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    content = read_content(root)
    found = mistakes(content)
    for mistake in found:
        print(mistake)
    if found:
        print(f"\n{len(found)} mistake{'s' if len(found) > 1 else ''}. docs/content.md explains the rules.")
        return 1
    examples = sum(len(texts) for topic in content.examples.values() for texts in topic.values())
    print(f"Content is fine: {len(content.examples)} intents, {examples} examples, {len(content.responses)} responses.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
