"""The platforms' limits, shared by all processes: one script, one round. While Redis is gone: careful shares."""

from __future__ import annotations

from hashlib import blake2b

from bot.between.link import Gone, Link, Script
from bot.channels.base import Limits
from bot.flow.rates import PATIENCE, LocalRates, Place, spread
from bot.model.messages import ConversationKey

UNKNOWN = 4  # processes there may be, where Redis was never reached and cannot say

#: Keys: the channel, the chat. Given: gap and burst of each, and patience. Gives "1" (granted) or "0", and seconds.
#: The same reckoning as LocalRates.room, by the server's clock: those of the machines may differ.
_ROOM = Script("""
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local function full_at(key)
  return math.max(tonumber(redis.call('GET', key) or '0'), now)
end
local function wait(at, gap, burst)
  local seconds = at - gap * (burst - 1) - now
  return seconds > 0.001 and seconds or 0
end
local function put(key, at)
  redis.call('SET', key, string.format('%.6f', at), 'PX', math.ceil((at - now) * 1000) + 1)
end
local all, chat = full_at(KEYS[1]), full_at(KEYS[2])
local gap_all, gap_chat = tonumber(ARGV[1]), tonumber(ARGV[3])
local for_chat = wait(chat, gap_chat, tonumber(ARGV[4]))
if for_chat > 0 then
  return {'0', string.format('%.6f', for_chat)}
end
local for_all = wait(all, gap_all, tonumber(ARGV[2]))
if for_all > tonumber(ARGV[5]) then
  return {'0', string.format('%.6f', for_all)}
end
put(KEYS[1], all + gap_all)
put(KEYS[2], chat + gap_chat)
return {'1', string.format('%.6f', for_all)}
""")

#: Key: the channel. Given: gap, burst, seconds.
_HOLD = Script("""
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local at = now + tonumber(ARGV[3]) + tonumber(ARGV[1]) * (tonumber(ARGV[2]) - 1)
at = math.max(at, tonumber(redis.call('GET', KEYS[1]) or '0'))
redis.call('SET', KEYS[1], string.format('%.6f', at), 'PX', math.ceil((at - now) * 1000) + 1)
return 1
""")


class SharedRates:
    """One bucket for all processes; each keeps its share of the limits where there is none."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._alone = LocalRates(share=lambda: 1 / (link.processes or UNKNOWN))

    async def room(self, key: ConversationKey, limits: Limits) -> Place:
        """A place for one send. Never raises."""
        gap_all, burst_all = spread(limits.per_second, limits.burst, 1)
        gap_chat, burst_chat = spread(limits.per_chat_second, limits.chat_burst, 1)
        keys = [_channel(key.channel), f"{_channel(key.channel)}:{_digest(key.chat)}"]
        try:
            granted, seconds = await self._link.run(_ROOM, keys, gap_all, burst_all, gap_chat, burst_chat, PATIENCE)
        except Gone:
            return await self._alone.room(key, limits)
        return Place(granted == "1", float(seconds))

    async def hold(self, channel: str, limits: Limits, seconds: float) -> None:
        """The platform wants nothing of the whole channel for so long. Never raises."""
        await self._alone.hold(channel, limits, seconds)  # Redis may be gone before it is over
        try:
            await self._link.run(_HOLD, [_channel(channel)], *spread(limits.per_second, limits.burst, 1), seconds)
        except Gone:
            pass


def _channel(name: str) -> str:
    return f"limit:{name}"


def _digest(chat: str) -> str:
    """The chat under another name: nobody's id need be there."""
    return blake2b(chat.encode(), digest_size=9).hexdigest()
