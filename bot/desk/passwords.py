"""Passwords: argon2id, and the same work for people who do not exist."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10  # characters
LONGEST = 200  # a longer one would only keep the processor busy

AT_ONCE = 2  # verifications: each takes 64 MiB, and a crowd of sign-ins must not take the memory of the service

_hasher = PasswordHasher()
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is mistaken for something else on a phone

def hashed(password: str) -> str:
    """What the store keeps. Raises ValueError when the password is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(f"a password has {SHORTEST} to {LONGEST} characters")
    return _hasher.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Whether `password` is the one behind `stored`; None stands for a person who does not exist."""
    try:
        right = _hasher.verify(stored or nobody(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None


@cache
def nobody() -> str:
    """The hash of a password nobody has: verified for unknown logins, so that they take as long as known ones.

    Put together, not made of a password: that would cost each start as much as a sign-in.
    """
    made = _hasher
    salt, digest = (b64encode(secrets.token_bytes(n)).rstrip(b"=").decode() for n in (made.salt_len, made.hash_len))
    return f"$argon2id$v=19$m={made.memory_cost},t={made.time_cost},p={made.parallelism}${salt}${digest}"


async def matches_aside(password: str, stored: str | None, room: asyncio.Semaphore) -> bool:
    """`matches`, off the event loop, when there is room."""
    async with room:
        return await asyncio.to_thread(matches, password, stored)


def new_password() -> str:
    """A random password that can be typed from paper: four groups of four."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
