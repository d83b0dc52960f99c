"""The client of one engine: (state, message) -> (replies, new state, what the engine asks for).

Errors:
    EngineDown           no usable answer: too slow, failed, or malformed; ask another engine, else a person
    ├── EngineLost       not reachable, or the connection was cut: nothing is known about the turn
    ├── ActionFailed     the engine works, but an action of this turn failed (502): another engine would do no better
    └── EngineRefused    the engine called the request itself wrong (400): trying again gives the same answer
"""

from __future__ import annotations

import asyncio
import json
from datetime import datetime
from types import TracebackType
from typing import Any, get_args

import aiohttp

from bot.dialogue_state import next_state
from bot.model.dialogue import Ask, HandoffRequest, PromiseAnswer, PromiseMade, Turn, Watch
from bot.model.replies import QuickReply, QuickReplyKind, Reply

TIMEOUT = 10.0
REASONS = frozenset({"asked", "not_understood", "complaint", "topic", "backend_down", "identity_failed"})
KINDS: dict[str, QuickReplyKind] = {kind: kind for kind in get_args(QuickReplyKind)}


class EngineDown(Exception):
    """The engine gave no usable answer. The text says what happened, never what the customer wrote."""


class EngineLost(EngineDown):
    """The engine cannot be reached, or went away during the turn."""


class ActionFailed(EngineDown):
    """The engine answered 502: what the turn needed besides the engine failed."""


class EngineRefused(EngineDown):
    """The engine answered 400: the stored state or the metadata is not what it expects."""


class Dialogue:
    """Asks one engine. Keeps connections, no conversation: any instance may ask any turn."""

    def __init__(self, engine_url: str, *, timeout: float = TIMEOUT, host: str | None = None) -> None:
        """`engine_url` without a path; `timeout` in seconds for a whole turn, actions included.

        `host`: the name that the address was found under, for a proxy that serves several.
        """
        self._url = engine_url.rstrip("/") + "/webhooks/turn/"
        self._seconds, self._headers = timeout, {"Host": host} if host else {}
        self._session: aiohttp.ClientSession | None = None
        self._running: dict[asyncio.Timeout, float] = {}

    async def __aenter__(self) -> Dialogue:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Call once, when nothing asks any more."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    @property
    def running(self) -> int:
        """How many turns wait for an answer now."""
        return len(self._running)

    def waiting(self) -> float:
        """Seconds that the oldest running turn waits already; 0 when none does."""
        oldest = min(self._running.values(), default=None)
        return 0.0 if oldest is None else asyncio.get_running_loop().time() - oldest

    def give_up(self) -> None:
        """Let no running turn wait any longer: each ends with EngineDown now."""
        for limit in self._running:
            limit.reschedule(asyncio.get_running_loop().time())

    async def ready(self) -> bool:
        """Does the engine have a model and answer? Never raises."""
        try:
            async with self._connections().get(self._url, timeout=aiohttp.ClientTimeout(total=2)) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError, RuntimeError):  # the last: closed by now
            return False

    async def answers(self) -> dict[str, Any]:
        """What may be said without an engine, for `read_answers`. Raises EngineDown."""
        limit = aiohttp.ClientTimeout(total=5)
        try:
            async with self._connections().get(self._url + "answers", timeout=limit) as answer:
                return _object((await answer.json())["answers"]) if answer.status == 200 else {}
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise EngineDown("the engine does not say its fixed answers") from None
        except (ValueError, KeyError, TypeError):
            raise EngineDown("the engine's fixed answers are malformed") from None

    async def ask(self, turn: Ask, *, seconds: float | None = None) -> Turn:
        """One turn, in at most `seconds`. Safe to repeat with the same turn_id. Raises EngineDown and its kinds."""
        asked: dict[str, Any] = {"turn_id": turn.turn_id, "text": turn.text}
        asked |= {"metadata": turn.metadata, "events": turn.events}
        if turn.rehearsal:
            asked["rehearsal"] = True
        body = json.dumps(asked, ensure_ascii=False).encode()
        status, raw = await self._post(body, self._seconds if seconds is None else seconds)
        if status == 400:
            raise EngineRefused("the engine refused the request (400)")
        if status == 502:
            raise ActionFailed("an action failed in the engine (502)")
        if status != 200:
            raise EngineDown(f"the turn failed in the engine ({status})")
        try:
            return read_turn(json.loads(raw), turn.events)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # The error's own text may quote the answer, and so the customer: leave it out.
            raise EngineDown("the engine's answer is malformed") from None

    async def _post(self, body: bytes, seconds: float) -> tuple[int, bytes]:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                self._running[limit] = asyncio.get_running_loop().time()
                async with self._connections().post(
                    self._url + "webhook", data=body, headers={"Content-Type": "application/json"}
                ) as answer:
                    return answer.status, await answer.read()
        except TimeoutError:
            raise EngineDown("the engine did not answer in time") from None
        except (aiohttp.ClientError, OSError) as error:
            raise EngineLost(f"the engine cannot be reached ({type(error).__name__})") from None
        finally:
            self._running.pop(limit, None)

    def _connections(self) -> aiohttp.ClientSession:
        # Made at the first use, since a session belongs to the running loop. The engine closes idle
        # connections after 120 s: closing ours first avoids writing a turn into a closing one.
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
            timeout = aiohttp.ClientTimeout(total=self._seconds)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=timeout, trust_env=False, headers=self._headers
            )
        return self._session


def read_turn(data: dict[str, Any], before: list[dict[str, Any]]) -> Turn:
    """The engine's JSON as a Turn. Raises ValueError, KeyError, TypeError, AttributeError if it is none."""
    messages = [_object(message) for message in data["messages"]]
    events = [_object(event) for event in data["events"]]
    asked = [(key, _object(value)) for m in messages for key, value in _object(m.get("custom") or {}).items()]
    unknown = {key for key, _ in asked} - {"handoff", "promise", "watch", "watch_result", "promise_result"}
    if unknown or not all(isinstance(event["event"], str) for event in events):
        raise ValueError("unknown kinds")
    handoffs = [_handoff(value) for key, value in asked if key == "handoff"]
    return Turn(
        replies=_replies(messages),
        events=next_state(before, events),
        slots=_slots(events),
        intent=str(data["intent"].get("name") or ""),
        confidence=float(data["intent"].get("confidence") or 0.0),
        ranking=tuple((str(each["name"]), float(each["confidence"])) for each in data["intent_ranking"]),
        handoff=handoffs[0] if handoffs else None,
        promises=tuple(_promise(value) for key, value in asked if key == "promise"),
        watches=tuple(
            Watch(*_texts(value, "subject", "check", "tell")) for key, value in asked if key == "watch"
        ),
        watch_results=tuple(_watch_result(value) for key, value in asked if key == "watch_result"),
        promise_answer=next((_promise_answer(value) for key, value in asked if key == "promise_result"), None),
        model_id=str(data["model_id"]),
    )


def _replies(messages: list[dict[str, Any]]) -> tuple[Reply, ...]:
    """The texts in order. Rasa sends a response's image as a message of its own: put together again here."""
    replies: list[Reply] = []
    for message in messages:
        text, image = message.get("text") or "", message.get("image") or None
        if not isinstance(text, str) or not isinstance(image, str | None):
            raise TypeError("text and image are texts")
        if image and not text and replies and replies[-1].image is None:
            replies[-1] = Reply(replies[-1].text, replies[-1].quick_replies, image)
        elif text or image:
            replies.append(Reply(text, tuple(_quick_reply(b) for b in message.get("buttons") or ()), image))
    return tuple(replies)


def read_answers(answers: dict[str, Any]) -> dict[str, dict[str, Reply]]:
    """Payload -> language ("" for all others) -> reply, of what `Dialogue.answers` gave. Raises EngineDown."""
    try:
        return {
            payload: {language: _replies([_object(message)])[0] for language, message in messages.items()}
            for payload, messages in answers.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise EngineDown("the engine's fixed answers are malformed") from None


def _quick_reply(button: dict[str, Any]) -> QuickReply:
    title, payload = _texts(button, "title", "payload")
    return QuickReply(title, payload, KINDS[button.get("type") or "text"])


def _slots(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What the turn learned: slots set after the customer's message (those before it are carried over)."""
    said = max((i for i, event in enumerate(events) if event["event"] == "user"), default=-1)
    return {str(event["name"]): event["value"] for event in events[said + 1 :] if event["event"] == "slot"}


def _handoff(value: dict[str, Any]) -> HandoffRequest:
    reason, topic, note = _texts({"topic": "", "note": "", **value}, "reason", "topic", "note")
    if reason not in REASONS:
        raise ValueError("unknown reason of a handoff")
    return HandoffRequest(reason=reason, topic=topic, note=note)


def _promise(value: dict[str, Any]) -> PromiseMade:
    named = ("what", "due", "reference", "kind", "check")
    what, due, reference, kind, check = _texts({"kind": "", "check": "", **value}, *named)
    return PromiseMade(what=what, due=_moment(due), reference=reference, kind=kind, check=check)


def _promise_answer(value: dict[str, Any]) -> PromiseAnswer:
    state, due = _texts(value, "state")[0], value.get("due")
    if state not in ("kept", "open", "unknown", "no_answer"):
        raise ValueError("unknown state of a promise")
    return PromiseAnswer(state, None if due is None else _moment(_texts(value, "due")[0]))


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a promise without a time zone")
    return moment


def _watch_result(value: dict[str, Any]) -> tuple[str, bool]:
    if not isinstance(value["open"], bool):
        raise TypeError("open is true or false")
    return _texts(value, "subject")[0], value["open"]


def _texts(value: dict[str, Any], *keys: str) -> list[str]:
    if not all(isinstance(value[key], str) for key in keys):
        raise TypeError("not a text")
    return [value[key] for key in keys]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
