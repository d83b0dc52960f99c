"""Runs inside Rasa's own process: understanding, the turn channel, the request's tracker store."""

from engine.processor import name_processor

name_processor()  # here, since it must happen before numpy is loaded, and whatever runs first of the engine runs this
