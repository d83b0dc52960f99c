"""Runs inside Rasa's own process: understanding, the turn channel, the request's tracker store."""

import gc

from engine.processor import name_processor

# Both here, since they help only before Rasa and numpy are loaded, and whatever runs first of the engine runs this.
name_processor()
# Python looks for cycles after 700 new objects, and Rasa's modules make a million that stay: a third of each start.
gc.set_threshold(50_000, 20, 50)
