"""python -m bench_nlu [--data FOLDER] [--systems ours,tfidf] [--sets 1,2] [--all] [--again]

Every result is kept under data/bench-nlu/ as soon as it is there, and the page written anew: a run that was broken off
goes on where it stopped with `--again`.
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
DATA = ROOT.parent / "shared" / "nlu-data"


def main() -> int:
    """Measure all, print and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench_nlu", description="Accuracy and abstention, with peers.")
    parser.add_argument("--data", type=Path, default=DATA,
                        help="folder with nlpjs/, xsid/, clinc150/ or others of train.tsv and test.tsv")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--sets", default="", help="numbers of sets, from 1; all if empty. Writes no page")
    parser.add_argument("--all", action="store_true", help="teach stock DIET everything, also where it takes hours")
    parser.add_argument("--again", action="store_true", help="keep what is measured already, measure what is missing")
    options = parser.parse_args()
    try:
        sets = all_sets(options.data)
    except NoData as missing:
        print(missing, file=sys.stderr)
        return 2
    systems = options.systems.split(",")
    chosen = [sets[int(number) - 1] for number in options.sets.split(",")] if options.sets else sets
    kept = restored() if options.again else []
    text = measured(chosen, systems, kept, everything=options.all, writes=not options.sets and systems == list(SYSTEMS))
    print(text)
    return 0


def measured(chosen: list[Set], systems: list[str], kept: list[Found], *, everything: bool, writes: bool) -> str:
    """The page, after each system on each set: the quick ones first, stock DIET on the large sets last."""
    began, failed = time.monotonic(), dict[tuple[str, str], str]()
    have = {(each.set, each.system) for each in kept}
    left = [(one, system) for system in systems for one in chosen if (one.name, system) not in have]
    left.sort(key=lambda pair: len(pair[0].train) * (10 if pair[1] == "diet" else 1))
    text = page(chosen, kept, failed, "Nothing new was measured.")
    for one, system in tqdm(left, desc="All", unit="run", disable=None):
        try:
            kept.append(measure(one, system, everything=everything))
        except (NotRun, OSError, ValueError, KeyError) as error:
            failed[one.name, system] = str(error)
            print(error, file=sys.stderr)
        minutes = f"This run took {(time.monotonic() - began) / 60:.0f} minutes."
        text = page(chosen, kept, failed, minutes)
        if writes:
            KEPT.parent.mkdir(parents=True, exist_ok=True)
            KEPT.write_text(json.dumps([asdict(each) for each in kept]), encoding="utf-8")
            PAGE.write_text(text, encoding="utf-8")
    return text


def restored() -> list[Found]:
    """What was measured before; nothing if nothing was."""
    return [Found(**each) for each in json.loads(KEPT.read_text(encoding="utf-8"))] if KEPT.exists() else []


if __name__ == "__main__":
    sys.exit(main())
