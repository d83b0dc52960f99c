"""The equations behind the topics' weights, and what each sentence would have got had it not been among them.

Both come from one factor of one square, in float32 and in place: the square is most of the memory that training needs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg.lapack import spotrf, spotrs, strtrs

#: How far a sentence's own answer may stay behind what was wanted; more makes all answers smoother. RIDGE of a name:
#: it counts as half a sentence. Chosen as engine/intents.py says.
RIDGE, NAMES_RIDGE = 0.1, 0.2
#: Columns solved at a time.
COLUMNS = 1000


def solved(alike: Any, wanted: Any, *, names: int, last: int) -> tuple[Any, Any]:
    """The weights, and the answer to each of the last rows by the weights of all others: (rows, topics) each.

    The first rows are `names`, not sentences. They are left out, with weights of 0, unless with them what is unseen is
    answered better: a name may say what its topic is about, or be a number. `alike` is overwritten; only what is not
    below its diagonal is read. Raises ValueError if the square has no factor, as where a vector is not a number.
    """
    ridge = np.full(len(alike), RIDGE, dtype=np.float32)
    ridge[:names] = NAMES_RIDGE
    alike[np.diag_indices_from(alike)] += ridge
    factor, failed = spotrf(alike.T, lower=1, overwrite_a=1)
    if failed:
        raise ValueError("the sentences' vectors hold no numbers to solve for")
    weights, _ = spotrs(factor, wanted, lower=1)
    start = max(len(wanted) - last, names)  # of these the inverse needs only the factor's last corner
    inverse = diagonal(factor[start:, start:])
    # The same without the names, from the same factor: their part of the inverse is taken back out.
    own, _ = spotrs(factor, np.eye(len(wanted), names, dtype=np.float32), lower=1)
    back = own @ np.linalg.inv(own[:names])
    without = weights - back @ weights[:names]
    inverse_without = inverse - (back[start:] * own[start:]).sum(axis=1)
    missed, missed_without = weights[start:] / inverse[:, None], without[start:] / inverse_without[:, None]
    if (missed**2).sum() > (missed_without**2).sum():
        weights, missed = without, missed_without
        weights[:names] = 0
    return np.ascontiguousarray(weights), wanted[start:] - missed


def diagonal(factor: Any) -> Any:
    """The diagonal of the inverse of the matrix that has this lower Cholesky factor.

    Some columns at a time: LAPACK's own inverses (spotri, strtri) crash beyond 3,000 rows in SciPy 1.10's OpenBLAS.
    """
    found = np.empty(len(factor), dtype=np.float32)
    for start in range(0, len(factor), COLUMNS):
        rest = np.asfortranarray(factor[start:, start:])
        columns = np.eye(len(rest), min(COLUMNS, len(rest)), dtype=np.float32, order="F")
        solved_columns, _ = strtrs(rest, columns, lower=1, overwrite_b=1)
        found[start : start + COLUMNS] = (solved_columns**2).sum(axis=0)
    return found
