"""Custom actions: what the bot does between hearing and answering, one file per topic.

They run in Rasa's action server, read the company's systems through `actions.backends` and answer with
responses written in `domain/`. They know nothing of the bot, its channels or its database.
"""
