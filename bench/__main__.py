"""The command line of the measurements: python -m bench [--quick] [--keep-stock] [--only PART ... [--page]].

Exit codes: 0 measured (whether or not the targets are met: the table says it), 1 could not measure.
"""

from __future__ import annotations

import argparse
import sys
import time

from bench.plan import PARTS, Plan
from bench.processes import ROOT, NotStarted
from bench.report import machine, report
from bench.scale import QUICK, Scale
from bench.stock import StockModel

PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> int:
    """Measure, print, write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Sportello beside stock Rasa.")
    parser.add_argument("--quick", action="store_true", help="a minute or two, without stock Rasa; writes no page")
    parser.add_argument(
        "--keep-stock", action="store_true", help="use stock Rasa's last model though the content changed since"
    )
    help_ = "; ".join(f"{name}: {question}" for name, question in PARTS.items())
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"prints, writes no page; {help_}")
    parser.add_argument("--page", action="store_true", help="with --only: write the page all the same; it says so")
    options = parser.parse_args()
    began, where = time.monotonic(), machine()
    scale = QUICK if options.quick else Scale()
    only = options.only or tuple(PARTS)
    try:
        stock = None if options.quick or "talk" not in only else StockModel.ready(keep=options.keep_stock)
        found = Plan(scale, stock, only=only).run()
    except (NotStarted, RuntimeError) as error:
        print(error, file=sys.stderr)
        return 1
    remarks = [*where, f"the run took {(time.monotonic() - began) / 60:.0f} minutes"]
    if options.only:
        remarks.append(f"only these parts were measured: {', '.join(only)}")
    text = report(found, scale, [*remarks, *(stock.remarks if stock else ())])
    print(text)
    if not options.quick and (options.page or not options.only):
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
