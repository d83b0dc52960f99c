"""The images' health check: ends with 0 when an address answers 200. Nothing but Python's own library.

    python alive.py http://127.0.0.1:8080/healthz
"""

from __future__ import annotations

import sys
import urllib.request

SECONDS = 4


def alive(url: str) -> bool:
    """Does it answer 200 in time? Asked directly, whatever proxy the environment names."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


if __name__ == "__main__":
    sys.exit(0 if alive(sys.argv[1]) else 1)
