"""Errors that say whether trying again makes sense.

CareError
+-- SendError           a message was not (or perhaps not) delivered
|     permanent         never try again (blocked, window closed, bad request)
|     retry_after       seconds to wait, where the platform said so
|     everyone          and it means all conversations, not this one alone
|     ambiguous         it may have arrived: resending may show it twice
+-- NotForUs            an update that carries nothing for a conversation; set aside
+-- Refused             a person asked for a move the state does not allow
"""

from __future__ import annotations


class CareError(Exception):
    """The root of the product's own errors."""


class SendError(CareError):
    """A channel could not deliver. `reason` is a short code shown at the desk: blocked, window, limit, ..."""

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        everyone: bool = False,
        ambiguous: bool = False,
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.permanent = permanent
        self.retry_after = retry_after
        self.everyone = everyone
        self.ambiguous = ambiguous


class NotForUs(CareError):
    """An update of a kind this product has no use for, or that cannot be read. It is kept and set aside."""


class Refused(CareError):
    """A move was refused; `who` names the agent who was faster, where that is the reason."""

    def __init__(self, reason: str, *, who: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.who = who
