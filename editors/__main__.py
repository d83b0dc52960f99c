"""The command line: `python -m editors content|evaluate|try [folder] [--lang it|en]`."""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

from editors.check import everything
from editors.content import read_content

ROOT = Path(__file__).resolve().parent.parent
WORDS = {
    "it": {
        "mistakes": "{n} da correggere. docs/contenuti.md spiega le regole.",
        "warnings": "{n} avvisi: non fermano niente, ma guardali ({option} per vederli).",
        "fine": "I contenuti sono a posto: {intents} argomenti, {examples} esempi, {responses} risposte.",
        "warning": "avviso",
    },
    "en": {
        "mistakes": "{n} to mend. docs/content.md explains the rules.",
        "warnings": "{n} warnings: they stop nothing, but look at them ({option} shows them).",
        "fine": "Content is fine: {intents} intents, {examples} examples, {responses} responses.",
        "warning": "warning",
    },
}


def content_command(root: Path, language: str, *, warnings: bool) -> int:
    """Print every mistake, one a line; 1 when there is one. Warnings come first: the last lines are those to mend."""
    words = WORDS[language]
    content = read_content(root)
    found = everything(content)
    slight = [one for one in found if one.warning]
    for one in slight if warnings else []:
        print(f"{one.text(language)} [{words['warning']}]")
    mistakes = [one for one in found if not one.warning]
    for one in mistakes:
        print(one.text(language))
    if mistakes:
        print("\n" + words["mistakes"].format(n=len(mistakes)))
    else:
        counts = {"intents": len(content.intents), "examples": len(content.examples)}
        print(words["fine"].format(responses=len(content.responses), **counts))
    if slight and not warnings:
        print(words["warnings"].format(n=len(slight), option="make content WARNINGS=1"))
    return 1 if mistakes else 0


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    options = parser().parse_args(arguments)
    root: Path = options.root.resolve()
    if options.verb == "content":
        return content_command(root, options.lang, warnings=options.warnings)
    if options.verb == "evaluate":
        from editors.report import evaluate

        return evaluate(root, str(options.lang), options.out)
    from editors.tryout import tryout

    return tryout(root, options.lang, options.sentence)


def parser() -> argparse.ArgumentParser:
    """The options. The language is the terminal's if that is English, else Italian."""
    terminal = "en" if os.environ.get("LANG", "").lower().startswith("en") else "it"
    found = argparse.ArgumentParser(prog="python -m editors")
    found.add_argument("verb", choices=("content", "evaluate", "try"))
    found.add_argument("sentence", nargs="*", help="try: what a customer would write")
    found.add_argument("--root", type=Path, default=ROOT, help="the folder that holds domain/, nlu/ and stories/")
    found.add_argument("--lang", choices=("it", "en"), default=terminal)
    found.add_argument("--warnings", action="store_true", help="content: show the warnings too")
    found.add_argument("--out", type=Path, default=None, help="evaluate: where the report goes")
    return found


if __name__ == "__main__":
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # a terminal that says nothing would choke on «è»
    sys.exit(main(sys.argv[1:]))
