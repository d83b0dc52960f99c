"""python -m bench_nlu [--data FOLDER] [--systems ours,tfidf] [--sets 1,2] [--all]

Exit codes: 0 measured (the page says which targets are met), 2 the sets are not there.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from bench_nlu.report import page
from bench_nlu.sets import ROOT, NoData, all_sets
from bench_nlu.systems import SYSTEMS, Found, NotRun, measure

PAGE = ROOT / "docs" / "benchmarks-nlu.md"
DATA = ROOT.parent / "shared" / "nlu-data"


def main() -> int:
    """Measure all, print and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench_nlu", description="Accuracy and abstention, with peers.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with nlpjs/, xsid/ and clinc150/")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help=f"of {', '.join(SYSTEMS)}")
    parser.add_argument("--sets", default="", help="numbers of sets, from 1; all if empty. Writes no page")
    parser.add_argument("--all", action="store_true", help="stock DIET also where it takes an hour (CLINC150)")
    options = parser.parse_args()
    try:
        sets = all_sets(options.data)
    except NoData as missing:
        print(missing, file=sys.stderr)
        return 2
    chosen = [sets[int(number) - 1] for number in options.sets.split(",")] if options.sets else sets
    began, found, remarks = time.monotonic(), list[Found](), list[str]()
    for one in chosen:
        for system in options.systems.split(","):
            if system in one.costly and not options.all:
                remarks.append(f"{SYSTEMS[system]} was left out of {one.name}: `--all` includes it.")
                continue
            try:
                found.append(measure(one, system))
            except NotRun as error:
                remarks.append(str(error).splitlines()[0])
                print(error, file=sys.stderr)
    remarks.append(f"The run took {(time.monotonic() - began) / 60:.0f} minutes.")
    text = page(chosen, found, list(dict.fromkeys(remarks)))
    print(text)
    if not options.sets and options.systems == ",".join(SYSTEMS):
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
