"""What the processes of one installation tell each other, through Redis. Nothing here is a record of anything.

    link.py      the one connection: up or gone, and back with pauses
    bells.py     bells that are heard in every process
    limits.py    the platforms' limits, shared; careful shares of them while Redis is gone
    looking.py   who has a conversation open, and who types

All of it may be lost at any moment. Whoever waits for a bell looks at the store every few seconds as well, and
what decides anything (who is there, what was sent, what is due) is a row of the store.
"""
