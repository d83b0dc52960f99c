"""Which instructions the processor has, told to the algebra library inside numpy and SciPy.

OpenBLAS knows processors by their model numbers, and the versions that Rasa's numpy and SciPy bring (0.3.18) know none
after 2021: on those it falls back to instructions of 2004, and the equations of a training take five times as long.
"""

from __future__ import annotations

import os
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
#: OpenBLAS's names of kinds of processors and what each needs, the fastest first.
KINDS = {
    "SKYLAKEX": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl", "avx2", "fma"},
    "HASWELL": {"avx2", "fma"},
}


def name_processor() -> None:
    """Set OPENBLAS_CORETYPE, unless somebody has, or nothing tells what the processor can do."""
    kind = kind_of(CPUINFO.read_text()) if CPUINFO.exists() else None
    if kind:
        os.environ.setdefault("OPENBLAS_CORETYPE", kind)


def kind_of(cpuinfo: str) -> str | None:
    """The fastest kind that the first processor is at least; None for any other family of processors."""
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    has = set(flags.partition(":")[2].split())
    return next((kind for kind, needs in KINDS.items() if needs <= has), None)
