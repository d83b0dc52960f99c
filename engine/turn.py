"""The input channel `turn`: POST /webhooks/turn/webhook takes a conversation and gives its next turn."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import traceback
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.core.events import UserUttered, deserialise_events
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from engine.answers import file_beside
from engine.growth import Growth
from engine.rehearsal import spare_actions
from engine.schema import check_schema_once, copy_slots_plainly, find_kinds_of_events_once
from engine.tracker import CURRENT, RequestState

logger = logging.getLogger(__name__)


class BadRequest(ValueError):
    """The request is not a turn; the text says why and goes to the caller with status 400."""


class TurnFailed(RuntimeError):
    """Something in the turn went wrong that Rasa itself would have answered with 200."""


class FailureListener(logging.Filter):
    """Notes on the running turn what Rasa swallows: it logs a failed action and answers as if all were well.

    The words are those of the pinned Rasa 3.6.21. A form's refusal ("rejected to run") is no failure.
    """

    SIGNS = ("Encountered an exception", "Circuit breaker", "Trying to run unknown",
             "Couldn't create message", "Failed to execute custom action", "Failed to run custom action")

    def filter(self, record: logging.LogRecord) -> bool:
        """Called in the task of the turn that logs, so the context variable names the right one."""
        message = record.getMessage()
        state = CURRENT.get(None)
        if state is not None and message.startswith(self.SIGNS):
            state.failures.append(message[:200])
        if record.exc_info and record.exc_info[1]:
            # The action server's error quotes the whole request, and with it what the customer wrote.
            record.msg, record.args = f"{message}\n{outline(record.exc_info[1])}", ()
            record.exc_info = None
        return True


def outline(error: BaseException) -> str:
    """Where an error came from, without its text: that may quote the customer."""
    cause = error.__cause__ or error.__context__
    frames = "".join(traceback.format_tb(error.__traceback__)[-4:])
    return (outline(cause) + "which led to\n" if cause else "") + f"{type(error).__name__}\n{frames}"


class TurnInput(InputChannel):
    """Named in credentials.yml. 400: not a turn; 5xx: a turn that failed; 200: a whole turn, nothing less."""

    @classmethod
    def name(cls) -> str:
        """The path segment under /webhooks/."""
        return "turn"

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The routes; Rasa calls this once when it starts."""
        check_schema_once()
        spare_actions()
        find_kinds_of_events_once()
        copy_slots_plainly()
        for name in ("rasa.core.processor", "rasa.core.actions.action"):
            log = logging.getLogger(name)
            if not any(isinstance(each, FailureListener) for each in log.filters):
                log.addFilter(FailureListener())
        routes = Blueprint("turn", "turn")
        growth = Growth(int(os.environ.get("ENGINE_MEMORY_MB") or 0), leave)

        @routes.get("/")
        async def ready(request: Request) -> HTTPResponse:
            model_id = request.app.ctx.agent.model_id
            return response.json({"model_id": model_id}, status=200 if model_id and not growth.leaving else 503)

        @routes.get("/answers")
        async def answers(request: Request) -> HTTPResponse:
            file = file_beside(Path(request.app.ctx.agent.processor.model_path))
            known = json.loads(file.read_text("utf-8")) if file.exists() else {}
            return response.json({"model_id": request.app.ctx.agent.model_id, "answers": known})

        @routes.post("/webhook")
        async def turn(request: Request) -> HTTPResponse:
            try:
                message, state = read_turn(request.body)
            except BadRequest as error:
                return response.json({"error": str(error)}, status=400)
            if growth.leaving:
                return response.json({"error": "this engine leaves: ask another"}, status=503)
            CURRENT.set(state)
            growth.begins()
            try:
                await on_new_message(message)
                return response.json(turn_answer(message, state, request.app.ctx.agent.model_id))
            except asyncio.CancelledError:  # the caller went away, or the server stops
                raise
            except TurnFailed as error:
                return response.json({"error": str(error)}, status=502)
            except Exception as error:  # whatever broke: the caller must not take it for an answer
                logger.error("Turn %s failed: %s", message.message_id, outline(error))
                return response.json({"error": type(error).__name__}, status=500)
            finally:
                growth.ends()

        return routes


def leave() -> None:
    """End this process as its owner would, when the last answer is out."""
    logger.warning("This engine has grown beyond ENGINE_MEMORY_MB and leaves")
    asyncio.get_running_loop().call_later(1.0, os.kill, os.getpid(), signal.SIGTERM)


def read_turn(body: bytes) -> tuple[UserMessage, RequestState]:
    """Check the request's JSON and make Rasa's message of it. Raises BadRequest."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest("the body is not JSON") from error
    if not isinstance(data, dict):
        raise BadRequest("the body is not an object")
    kinds: dict[str, type] = {"turn_id": str, "text": str, "metadata": dict, "events": list}
    wrong = [key for key, kind in kinds.items() if not isinstance(data.get(key), kind)]
    if wrong or not data["turn_id"] or not data["text"].strip():
        raise BadRequest(f"missing, empty or of a wrong type: {', '.join(wrong or ['turn_id or text'])}")
    language = data["metadata"].get("language")
    if not isinstance(language, (str, type(None))):
        raise BadRequest("metadata.language is not a text")
    try:
        events = deserialise_events(data["events"])
    except Exception as error:  # Rasa raises what its constructors happen to raise
        raise BadRequest("events are not Rasa events") from error
    if len(events) != len(data["events"]):
        raise BadRequest("events are not Rasa events")
    # A name of its own for each request: Rasa locks by it, and polls a lock once a second.
    message = UserMessage(data["text"], CollectingOutputChannel(), uuid.uuid4().hex, input_channel="turn",
                          message_id=data["turn_id"], metadata=data["metadata"])
    return message, RequestState(events=events, language=language, rehearsal=data.get("rehearsal") is True)


def turn_answer(message: UserMessage, state: RequestState, model_id: str | None) -> dict[str, Any]:
    """The answer's JSON. Raises TurnFailed when Rasa only logged that something went wrong."""
    if state.failures:
        raise TurnFailed(state.failures[0])
    if state.result is None or model_id is None:
        raise TurnFailed("no model is loaded")
    # Of all events: the tracker's own search leaves out messages that a form took.
    said = next((event for event in reversed(state.result.events) if isinstance(event, UserUttered)), None)
    parsed = said.parse_data if said else {}
    messages = [{k: v for k, v in m.items() if k != "recipient_id"} for m in message.output_channel.messages]
    return {
        "messages": messages,
        "events": state.new_events(),
        "intent": parsed.get("intent", {}),
        "intent_ranking": parsed.get("intent_ranking", []),
        "entities": parsed.get("entities", []),
        "model_id": model_id,
    }
