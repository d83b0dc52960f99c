"""What people at the desk may do, in four words: docs/desk.md says the same to whoever gives them."""

from __future__ import annotations

AGENT, LEAD, EDITOR, ADMIN = "agent", "lead", "editor", "admin"
ROLES = (AGENT, LEAD, EDITOR, ADMIN)

#: Who is given customers of their own accord; the others only when somebody asks for them by name.
GIVEN_CUSTOMERS = (AGENT, LEAD)
#: Who may see every case. An editor sees a case only while it is theirs or their help is asked.
SEE_EVERY_CASE = frozenset({AGENT, LEAD, ADMIN})
#: Who watches over the others' work: their cases and promises, the teams, the numbers, what was done at the desk.
OVERSEERS = frozenset({LEAD, ADMIN})
