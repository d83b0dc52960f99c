"""What a text is written in: py3langid's model, cut to the languages and letters in question.

Whole, the model takes 60 MB of every process; cut for two languages it takes 5. The cutting itself needs the
whole one, and a process gives little of such memory back: a child process does it, python -m bot.flow.spoken it en
That takes two seconds of a processor, nearly as much as all else of a start: so what was cut is kept in a file.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import subprocess
import sys
import zlib
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent.parent  # where the child finds this module

#: Bytes that tell western languages apart: small letters and signs of ASCII; of UTF-8 what makes accented letters
#: and curly quotes. A text in another script consists of bytes that are all the same to the cut model.
ALPHABET = bytes(b for b in range(0x20, 0x7F) if not chr(b).isupper()) + b"\xc3\xe2" + bytes(range(0x80, 0xC0))


@dataclass(frozen=True)
class Spoken:
    """An automaton that walks over a text's bytes and counts the features it passes, each a weight per language."""

    languages: tuple[str, ...]
    prior: tuple[float, ...]
    columns: bytes  # byte -> column of `moves`; 0 for what is not in ALPHABET
    moves: array[int]  # place of the row + column -> next state
    rows: array[int]  # state -> place of its row in `moves`
    features: array[int]  # state -> the feature that is seen there, -1 for none
    weights: array[float]  # feature * languages + language -> logarithm of its probability

    def classify(self, text: str) -> tuple[str, float]:
        """The likeliest language of a text in small letters, and how sure that is (0 to 1)."""
        raw = text.encode("utf-8", "surrogatepass")
        seen: Counter[int] = Counter()
        state, moves, rows, features = 0, self.moves, self.rows, self.features
        for column in raw.translate(self.columns):
            state = moves[rows[state] + column]
            if (feature := features[state]) >= 0:
                seen[feature] += 1
        if not seen:
            return self.languages[0], 1 / len(self.languages)
        scores = list(self.prior)
        for feature, count in seen.items():
            place = feature * len(scores)
            for number in range(len(scores)):
                scores[number] += math.log1p(count) * self.weights[place + number]
        best = max(scores)
        # as py3langid does: a long text is no surer than its length's root
        shares = [math.exp((score - best) / math.sqrt(len(raw))) for score in scores]
        return self.languages[scores.index(best)], 1 / sum(shares)


def spoken(languages: Sequence[str], kept: Path | None = None) -> Spoken:
    """The model for these languages: as it was kept in that file, or made anew, and kept there where that is possible.

    Raises CalledProcessError for a language that it does not know.
    """
    if kept and (found := _kept(kept, languages)):
        return found
    command = [sys.executable, "-m", __name__, *languages]
    raw = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout
    if kept:
        _keep(kept, raw)
    return unpacked(raw)


def _kept(file: Path, languages: Sequence[str]) -> Spoken | None:
    """What the file holds, if it is just what would be made now."""
    try:
        raw = file.read_bytes()
        return unpacked(raw) if json.loads(raw.partition(b"\n")[0])["of"] == _origin(languages) else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be used and is made anew: %s", file.name, type(error).__name__)
        return None


def _keep(file: Path, raw: bytes) -> None:
    beside = file.with_suffix(f".{os.getpid()}")  # whoever reads meanwhile finds the old one, or this one whole
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(raw)
        beside.replace(file)
    except OSError as error:
        log.warning("%s cannot be kept, each start makes it anew: %s", file.name, type(error).__name__)
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _origin(languages: Sequence[str]) -> list[str]:
    """All that what `cut` gives depends on; the first is to be raised when its code changes."""
    return ["1", version("py3langid"), sys.byteorder, f"{zlib.crc32(ALPHABET):08x}", *languages]


def packed(model: Spoken) -> bytes:
    """A line that tells what follows, and the numbers as they are in memory."""
    fields = asdict(model)
    numbers = {name: value for name, value in fields.items() if isinstance(value, array)}
    body = b"".join([model.columns, *(value.tobytes() for value in numbers.values())])
    head = {
        "of": _origin(model.languages),
        "sum": zlib.crc32(body),
        "prior": model.prior,
        "arrays": [[name, value.typecode, len(value) * value.itemsize] for name, value in numbers.items()],
    }
    return json.dumps(head).encode() + b"\n" + body


def unpacked(raw: bytes) -> Spoken:
    """The model again. Raises ValueError, KeyError or TypeError for what `packed` has not made, or not all of it."""
    line, _, body = raw.partition(b"\n")
    head, at, arrays = json.loads(line), 256, {}
    if zlib.crc32(body) != head["sum"]:
        raise ValueError("not as it was written")
    for name, code, size in head["arrays"]:
        arrays[name], at = array(code, body[at : at + size]), at + size
    return Spoken(tuple(head["of"][4:]), tuple(head["prior"]), body[:256], **arrays)


def cut(languages: Sequence[str]) -> Spoken:
    """Made of the whole model."""
    import numpy as np
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # with numpy 60 MB, see above

    def plain(kind: str, values: Any) -> array[Any]:
        return array(kind, values.ravel().astype(kind).tobytes())

    whole = LanguageIdentifier.from_model_file(MODEL_FILE)
    next_of, row_of = np.asarray(whole.tk_nextmove).reshape(-1, 256), np.asarray(whole.tk_row)
    letters = np.frombuffer(ALPHABET, np.uint8)
    reached = fresh = np.array([0])
    while fresh.size:
        fresh = np.setdiff1d(next_of[row_of[fresh]][:, letters], reached)
        reached = np.union1d(reached, fresh)
    states = np.zeros(len(row_of), np.int64)
    states[reached] = np.arange(len(reached))
    rows, row = np.unique(next_of[row_of[reached]][:, letters], axis=0, return_inverse=True)
    moves = np.hstack([np.zeros((len(rows), 1), np.int64), states[rows]])  # any other byte: begin anew
    features, feature = np.unique(np.asarray(whole.tk_output)[reached], return_inverse=True)
    known = features >= 0
    chosen = [whole.nb_classes.index(language) for language in languages]
    columns = bytes(ALPHABET.index(byte) + 1 if byte in ALPHABET else 0 for byte in range(256))
    return Spoken(
        tuple(languages),
        tuple(float(whole.nb_pc[place]) for place in chosen),
        columns,
        plain("H" if len(reached) < 1 << 16 else "I", moves),
        plain("I", row * moves.shape[1]),
        plain("i", feature - int((~known).sum())),
        plain("f", whole.nb_ptc[features[known]][:, chosen]),
    )


if __name__ == "__main__":
    made = packed(cut(sys.argv[1:]))
    try:
        sys.stdout.buffer.write(made)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever asked was killed meanwhile: nothing is wrong here
        os._exit(1)
