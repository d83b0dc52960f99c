"""Who has a conversation open, and who types: in Redis, where each mark expires by itself."""

from __future__ import annotations

from collections.abc import Callable

from bot.between.link import Gone, Link, Script
from bot.store.presence import LOOKING, TYPING

_NOW = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""

#: Keys: who looks at it, who types in it, what the person looks at. Given: person, conversation, typing, and how many
#: milliseconds each mark lasts. Gives 1 when colleagues see something else than before.
_LOOKS = Script(f"""{_NOW}
local function until_(key, member)
  return tonumber(redis.call('ZSCORE', key, member) or '0')
end
local function mark(key, member, lasts)
  redis.call('ZADD', key, now + lasts, member)
  redis.call('PEXPIRE', key, lasts)
end
local typing = ARGV[3] == '1'
local same = until_(KEYS[1], ARGV[1]) > now and (until_(KEYS[2], ARGV[1]) > now) == typing
mark(KEYS[1], ARGV[1], tonumber(ARGV[4]))
mark(KEYS[3], ARGV[2], tonumber(ARGV[4]))
if typing then mark(KEYS[2], ARGV[1], tonumber(ARGV[5])) else redis.call('ZREM', KEYS[2], ARGV[1]) end
return same and 0 or 1
""")

#: Keys: sorted sets of marks. Gives the members of each whose time is not over.
_MARKED = Script(f"""{_NOW}
local found = {{}}
for i, key in ipairs(KEYS) do found[i] = redis.call('ZRANGEBYSCORE', key, '(' .. now, '+inf') end
return found
""")

#: Keys: what the person looks at, then for each conversation who looks and who types. Given: the person.
_AWAY = Script("""
redis.call('DEL', KEYS[1])
for i = 2, #KEYS do redis.call('ZREM', KEYS[i], ARGV[1]) end
return 1
""")


class SharedGlances:
    """Marks of all processes. False and None while Redis is gone."""

    def __init__(self, link: Link) -> None:
        self.heard: list[Callable[[int], None]] = []
        self._link = link
        link.hear("look", lambda text: self._tell(int(text)))

    async def looks(self, conversation_id: int, agent_id: int, *, typing: bool) -> bool:
        """A person has the conversation open; whether that is kept."""
        keys = [*_of(conversation_id), _by(agent_id)]
        lasts = [int(time.total_seconds() * 1000) for time in (LOOKING, TYPING)]
        try:
            changed = await self._link.run(_LOOKS, keys, agent_id, conversation_id, int(typing), *lasts)
        except Gone:
            return False
        if changed:
            self._changed(conversation_id)
        return True

    async def away(self, agent_id: int) -> bool:
        """A person has nothing open any more; whether that is kept."""
        try:
            (found,) = await self._link.run(_MARKED, [_by(agent_id)])
            open_ = sorted(int(one) for one in found)
            keys = [key for conversation_id in open_ for key in _of(conversation_id)]
            await self._link.run(_AWAY, [_by(agent_id), *keys], agent_id)
        except Gone:
            return False
        for conversation_id in open_:
            self._changed(conversation_id)
        return True

    async def lookers(self, conversation_id: int) -> dict[int, bool] | None:
        """Who has the conversation open now, and whether they type."""
        try:
            looking, typing = await self._link.run(_MARKED, _of(conversation_id))
        except Gone:
            return None
        return {int(agent_id): agent_id in typing for agent_id in looking}

    def _changed(self, conversation_id: int) -> None:
        self._tell(conversation_id)
        self._link.tell("look", str(conversation_id))

    def _tell(self, conversation_id: int) -> None:
        for act in self.heard:
            act(conversation_id)


def _of(conversation_id: int) -> list[str]:
    return [f"looks:{conversation_id}", f"types:{conversation_id}"]


def _by(agent_id: int) -> str:
    return f"looked:{agent_id}"
