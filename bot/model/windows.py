"""How long a customer may still be written to: the ends of a channel's window, and when to warn of each.

A channel may have none, one (anybody may write for a while), or two (then only a person, for longer). Lengths are data
on the channel; nothing here knows which platform it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.model.team import Team

LONGEST_NOTICE = timedelta(hours=12)
GOING_HOME = timedelta(hours=1)  # the team leaves and is not back before the end: warned this long before it leaves


@dataclass(frozen=True)
class End:
    """One end: until `at` it may be written; after the `last` one nobody may, after the others a person still."""

    at: datetime
    began: datetime  # the customer's last words, or the end before
    length: timedelta
    number: int  # 1 for the first
    last: bool


def notice(length: timedelta) -> timedelta:
    """How long before the end of a window of this length it is said to be closing."""
    return min(length / 8, LONGEST_NOTICE)


def ends(last_customer_at: datetime | None, lengths: Sequence[timedelta]) -> list[End]:
    """The ends of the window, the first first; none without a window or before the customer's first words.

    `lengths`: shortest first, as `Abilities.windows` gives them.
    """
    if last_customer_at is None:
        return []
    begins = [last_customer_at, *(last_customer_at + length for length in lengths)]
    return [
        End(begins[n], begins[n - 1], length, n, n == len(lengths)) for n, length in enumerate(lengths, 1)
    ]


def next_end(all_ends: Sequence[End], now: datetime) -> End | None:
    """The end that comes next; None when all are over or there are none."""
    return next((end for end in all_ends if end.at > now), None)


def is_closing(end: End, now: datetime) -> bool:
    """Whether the end is so near that the desk shows it among what is closing."""
    return end.at - notice(end.length) <= now < end.at


def warn_at(end: End, team: Team) -> datetime:
    """When whoever looks after the customer is warned: early enough to find them at work."""
    chance = _last_there(team, end.at)
    if chance is None or chance <= end.began or chance == end.at:
        return end.at - notice(end.length)
    return max(end.began, min(chance - GOING_HOME, end.at - notice(end.length)))


def _last_there(team: Team, moment: datetime) -> datetime | None:
    """The last moment until then at which the team is there; None when that is more than ten days before."""
    local = moment.astimezone(team.zone)
    for back in range(11):
        day = local.date() - timedelta(days=back)
        for begins, until in reversed(team.spans(day)):
            if begins < local:
                return moment if until >= local else until
    return None
