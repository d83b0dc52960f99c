"""python -m bench_nlu [--data FOLDER] [--systems ours,tfidf] [--sets 1,2] [--all] [--again]

Every result is kept under data/bench-nlu/ as soon as it is there, and the page written anew of all that is kept: a run
that was broken off goes on where it stopped. `--again` measures anew what is asked for, and keeps the rest.
Exit codes: 0 measured (the page says which targets are met), 2 no set is there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from bench_nlu.report import page
from bench_nlu.sets import ROOT, NoData, Set, all_sets
from bench_nlu.systems import SYSTEMS, Found, NotRun, measure

PAGE = ROOT / "docs" / "benchmarks-nlu.md"
KEPT = ROOT / "data" / "bench-nlu" / "results.json"
DATA = ROOT / "data" / "nlu-sets"


def main() -> int:
    """Measure all, print and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench_nlu", description="Accuracy and abstention, with peers.")
    parser.add_argument("--data", type=Path, default=DATA,
                        help="folder with nlpjs/, xsid/, clinc150/ or others of train.tsv and test.tsv; see sets.py")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--sets", default="", help="numbers of sets, from 1; all if empty")
    parser.add_argument("--all", action="store_true", help="teach stock DIET everything, also where it takes hours")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    options = parser.parse_args()
    try:
        sets = all_sets(options.data)
    except NoData as missing:
        print(missing, file=sys.stderr)
        return 2
    systems = options.systems.split(",")
    chosen = [sets[int(number) - 1] for number in options.sets.split(",")] if options.sets else sets
    asked = [(one, system) for system in systems for one in chosen]
    print(measured(sets, asked, restored(), everything=options.all, again=options.again))
    return 0


def measured(
    sets: list[Set], asked: list[tuple[Set, str]], known: list[Found], *, everything: bool, again: bool
) -> str:
    """The page, after each system on each set: the quick ones first, stock DIET on the large sets last.

    What is `known` is not measured, unless `again`.
    """
    began, failed = time.monotonic(), dict[tuple[str, str], str]()
    kept = {(each.set, each.system): each for each in known}
    left = [(one, system) for one, system in asked if again or (one.name, system) not in kept]
    left.sort(key=lambda pair: len(pair[0].train) * (10 if pair[1] == "diet" else 1))
    text = page(sets, list(kept.values()), failed, "Nothing new was measured.")
    for one, system in tqdm(left, desc="All", unit="run", disable=None):
        try:
            kept[one.name, system] = measure(one, system, everything=everything)
        except (NotRun, OSError, ValueError, KeyError) as error:
            failed[one.name, system] = str(error)
            print(error, file=sys.stderr)
        minutes = f"The last run measured {len(left)} in {(time.monotonic() - began) / 60:.0f} minutes."
        found = [each for key, each in kept.items() if key not in failed]
        text = page(sets, found, failed, minutes)
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.write_text(json.dumps([asdict(each) for each in found]), encoding="utf-8")
        PAGE.write_text(text, encoding="utf-8")
    return text


def restored() -> list[Found]:
    """What was measured before; nothing if nothing was."""
    return [Found(**each) for each in json.loads(KEPT.read_text(encoding="utf-8"))] if KEPT.exists() else []


if __name__ == "__main__":
    sys.exit(main())
