"""What is wrong with a database that does not do what it is asked, in words for whoever set it up.

Never the error's own words: they may hold the address, a user's name, or a statement.
"""

from __future__ import annotations

import re

#: What drivers and servers say -> what it means and what to do; the first that fits. PostgreSQL's own words are
#: translated where its server is set so: then the kind of error has to do.
_MEANINGS = (
    (r"password|authentication failed", "the password is refused: DATABASE_PASSWORD, or the one in DATABASE_URL"),
    (r"pg_hba", "the server lets nobody in from here: its pg_hba.conf"),
    (r'role "[^"]*" does not exist', "the server does not know this user: createuser, or DATABASE_URL"),
    (r'database "[^"]*" does not exist', "the server has no database of this name: createdb, or DATABASE_URL"),
    (r"resolve|translate host name|name or service", "the host's name is not known: DATABASE_URL"),
    (r"refused|is the server running", "nobody listens there: is the server running? DATABASE_URL"),
    (r"timeout|timed out|unreachable", "the server does not answer: can it be reached from here? DATABASE_URL"),
    (r"starting up|shutting down", "the server is starting or stopping: try again in a moment"),
    (r"too many (clients|connections)|connection slots", "the server has no connection left: max_connections"),
    (r"unable to open|permission denied|insufficient privilege", "it may not be opened or written by this user"),
    (r"read-?only", "it cannot be written: read-only"),
    (r"disk is full|no space left|disk full", "the disk is full"),
    (r"locked", "another program holds it: is it open elsewhere?"),
    (r"not a database|malformed", "the file is no database, or it is damaged: restore a backup"),
)


def meaning(error: BaseException) -> str:
    """A sentence, without its full stop."""
    words = str(getattr(error, "orig", None) or error).lower()  # SQLAlchemy's own words hold the statement
    found = next((meant for pattern, meant in _MEANINGS if re.search(pattern, words, re.DOTALL)), None)
    return found or f"{type(error).__name__}: see DATABASE_URL"
