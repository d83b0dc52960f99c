"""Every table, written once for SQLite and PostgreSQL. Times are aware UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    literal_column,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Time(TypeDecorator[datetime]):
    """An aware UTC time. SQLite keeps no zone: without this, times read back could not be compared."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_NEW = text("state = 'new'")
_OFFERED = text("offered_to IS NOT NULL")
_HELPED = text("helper_id IS NOT NULL")
_CLOSED = text("closed_at IS NOT NULL")
_LEADS = text("lead_since IS NOT NULL")
_HELD = text("agent_id IS NOT NULL")
_WAITS = text("counts_since IS NOT NULL")
_UNDER_WAY = text("status IN ('waiting', 'agent')")
_WARNED = text("ends_warned > 0 AND status IN ('bot', 'closed')")
_RUNNING = text("ended_at IS NULL")
_LOST = text("state = 'failed' AND answer AND lost_at IS NULL")  # nobody knows yet
_OPEN = text("state IN ('pending', 'sending', 'later', 'ambiguous')")
_FAILED = text("state = 'failed'")
_ASIDE = text("state = 'aside'")
_NOT_CLOSED = text("closed_at IS NULL")


def at_most(number: int) -> ColumnElement[int]:
    """A limit in the words of the statement, for what is read often.

    For a parameter's PostgreSQL expects a tenth of all rows, finds no plan that fits every value, and plans anew at
    each use: of a list that takes as long as to read it.
    """
    return literal_column(str(number))


def _id() -> Column[int]:
    return Column("id", Integer, primary_key=True, autoincrement=True)


def _conversation(**kwargs: Any) -> Column[int]:
    return Column("conversation_id", Integer, ForeignKey("conversations.id", ondelete="CASCADE"), **kwargs)


def _case() -> Column[int]:
    return Column("case_id", Integer, ForeignKey("cases.id", ondelete="CASCADE"), nullable=False)


#: What arrived, before anything is understood. The unique pair makes "twice the same" one row.
events = Table(
    "events",
    metadata,
    _id(),
    Column("channel", String(32), nullable=False),
    Column("external_id", String(200), nullable=False),
    Column("chat", String(200)),
    Column("own", Boolean, nullable=False, default=False),  # a follow-up of ours, not the platform's
    Column("payload", JSON, nullable=False),
    Column("at", Time, nullable=False),
    Column("received_at", Time, nullable=False),
    Column("state", String(8), nullable=False),
    Column("problem", Text),
    Column("done_at", Time),
    UniqueConstraint("channel", "external_id"),
    Index("ix_events_new", "channel", "chat", sqlite_where=_NEW, postgresql_where=_NEW),
    Index("ix_events_waiting", "id", sqlite_where=_NEW, postgresql_where=_NEW),
    Index("ix_events_aside", "channel", sqlite_where=_ASIDE, postgresql_where=_ASIDE),
    sqlite_autoincrement=True,
)

#: Who works on which conversation now; a row only while a turn runs. Whoever lost the token may keep nothing.
leases = Table(
    "leases",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("chat", String(200), primary_key=True),
    Column("holder", String(32), nullable=False, index=True),  # a process, from its start to its end
    Column("token", String(32), nullable=False),
    Column("until", Time, nullable=False),
)

customers = Table(
    "customers",
    metadata,
    _id(),
    Column("name", String(200), nullable=False, default=""),
    Column("created_at", Time, nullable=False),
)

#: What customers are found by: see store/search.py.
search_words = Table(
    "search_words",
    metadata,
    Column("customer_id", Integer, ForeignKey("customers.id", ondelete="CASCADE"), primary_key=True),
    # compared byte by byte on both databases: a word is found by its beginning, along the index
    Column("word", String(64).with_variant(String(64, collation="C"), "postgresql"), primary_key=True),
    Column("kind", String(16), primary_key=True),  # name, case, phone, or the fact's name
    Index("ix_search_words_word", "word", "customer_id"),
)

#: One per identity (a person on a channel); several identities may belong to one customer.
conversations = Table(
    "conversations",
    metadata,
    _id(),
    Column("customer_id", Integer, ForeignKey("customers.id"), nullable=False, index=True),
    Column("channel", String(32), nullable=False),
    Column("chat", String(200), nullable=False),
    Column("status", String(8), nullable=False),
    Column("version", Integer, nullable=False, default=0),
    Column("case_id", Integer),  # the case in hand: set from the hand-off until the bot has the word again
    Column("agent_id", Integer),  # who has the word, when status is agent
    Column("language", String(2), nullable=False),
    Column("locale", String(16), nullable=False, default=""),
    Column("blocked", Boolean, nullable=False, default=False),
    Column("introduced_at", Time),  # when the bot last said that it is one
    Column("name_asked", Integer),  # how often the platform was asked for the name in vain; None: it is known
    Column("name_asked_at", Time),
    Column("quiet_until", Time),  # a colleague answers outside this desk: the bot keeps out of it
    Column("last_customer_at", Time),
    Column("ends_warned", Integer, nullable=False, server_default="0"),  # ends of the window, since they last wrote
    Column("last_message_at", Time),
    Column("created_at", Time, nullable=False),
    UniqueConstraint("channel", "chat"),
    Index("ix_conversations_status_last", "status", "last_message_at"),
    Index("ix_conversations_held", "agent_id", sqlite_where=_HELD, postgresql_where=_HELD),
    Index(
        "ix_conversations_warned", "channel", "last_customer_at", sqlite_where=_WARNED, postgresql_where=_WARNED
    ),
    Index(
        "ix_conversations_window",
        "channel",
        "last_customer_at",
        sqlite_where=_UNDER_WAY,
        postgresql_where=_UNDER_WAY,
    ),
)

#: The dialogue engine's state, apart from the conversation so that lists of conversations stay small to read.
dialogues = Table(
    "dialogues",
    metadata,
    _conversation(primary_key=True),
    Column("events", JSON, nullable=False),
    Column("updated_at", Time, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    _id(),
    _conversation(nullable=False),
    Column("case_id", Integer),
    Column("author", String(8), nullable=False),
    Column("agent_id", Integer),
    Column("text", Text, nullable=False, default=""),
    Column("quick_replies", JSON),  # offered: [{"title", "payload", "kind"}]
    Column("image", Text),
    Column("attachments", JSON),  # [{"kind", "ref", "name", "mime", "size"}]; ref is secret
    Column("location", JSON),  # {"latitude", "longitude"}
    Column("contact", JSON),  # {"phone", "name", "own"}
    Column("payload", Text),  # a tapped button's meaning; of a person's words, the form they came from (sent once)
    Column("intent", String(64)),
    Column("confidence", Float),
    Column("ranking", JSON),  # [[intent, score], ...] what else it could have meant
    Column("event_id", Integer),
    Column("platform_id", String(200)),
    Column("at", Time, nullable=False),
    Column("edited_at", Time),
    Column("read_at", Time),
    Index("ix_messages_conversation", "conversation_id", "id"),
    Index("ix_messages_platform", "conversation_id", "platform_id"),
    sqlite_autoincrement=True,
)

#: One row per call to a platform. The claim is a column, not memory: a crash leaves it readable.
outgoing = Table(
    "outgoing",
    metadata,
    _id(),
    _conversation(nullable=False),
    Column("message_id", Integer, ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("author", String(8), nullable=False),
    Column("agent_id", Integer),
    Column("part", JSON, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("resent", Boolean, nullable=False, default=False),  # sent again, unproven that the first was lost
    Column("answer", Boolean, nullable=False, default=False, server_default=false()),  # the bot's, to what was written
    Column("due_at", Time, nullable=False),
    Column("lease_until", Time),
    Column("waits", Boolean, nullable=False, default=False, server_default=false()),  # claimed, its call not begun
    Column("called_at", Time),  # its last call was not made before then
    Column("doubt_since", Time),  # since then nobody knows whether that call arrived
    Column("problem", Text),
    Column("platform_id", String(200)),
    Column("created_at", Time, nullable=False),
    Column("sent_at", Time),
    Column("lost_at", Time),  # an answer that failed for good: a person has been asked to see to it
    Index("ix_outgoing_lost", "conversation_id", sqlite_where=_LOST, postgresql_where=_LOST),
    Index("ix_outgoing_failed", "created_at", sqlite_where=_FAILED, postgresql_where=_FAILED),
    Index(
        "ix_outgoing_open",
        "conversation_id",
        "id",
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
    sqlite_autoincrement=True,
)

#: What a customer needs solved. `owner_id` stays when the case closes: it comes back to the same person.
cases = Table(
    "cases",
    metadata,
    _id(),
    Column("number", String(16), nullable=False, unique=True),
    _conversation(nullable=False, index=True),
    Column("customer_id", Integer, ForeignKey("customers.id"), nullable=False, index=True),
    Column("reason", String(32), nullable=False),
    Column("topic", String(64), nullable=False, default=""),
    Column("note", Text, nullable=False, default=""),
    Column("owner_id", Integer, ForeignKey("agents.id")),
    Column("opened_at", Time, nullable=False, index=True),
    Column("waiting_since", Time),  # set while the customer waits for a person
    Column("counts_since", Time),  # with it: the order of the queue, see bot.model.queue
    Column("marks", JSON, nullable=False, server_default="[]"),  # what puts it ahead: codes of bot.model.queue
    Column("taken_at", Time),  # first time a person took it
    Column("closed_at", Time),
    Column("outcome", String(16)),
    Column("solved", Boolean),  # the customer's own word
    Column("team", String(32), nullable=False, server_default=""),
    Column("offered_to", Integer),  # whose turn it is to take it; anyone else still may
    Column("offered_at", Time),
    Column("offer_until", Time),  # not taken by then, it goes on
    Column("lead_since", Time),  # nobody took it: the leads see it first
    Column("helper_id", Integer),  # a colleague who was asked in; the owner stays the owner
    Column("wish", String(8)),  # outside the team's hours: "wait" here, or be written to ("write")
    Index("ix_cases_offered", "offered_to", sqlite_where=_OFFERED, postgresql_where=_OFFERED),
    Index("ix_cases_helped", "helper_id", sqlite_where=_HELPED, postgresql_where=_HELPED),
    Index("ix_cases_queue", "counts_since", "waiting_since", "id", sqlite_where=_WAITS, postgresql_where=_WAITS),
    Index("ix_cases_leads", "counts_since", "waiting_since", "id", sqlite_where=_LEADS, postgresql_where=_LEADS),
    Index("ix_cases_team", "team", "waiting_since", sqlite_where=_WAITS, postgresql_where=_WAITS),
    Index("ix_cases_closed", "closed_at", sqlite_where=_CLOSED, postgresql_where=_CLOSED),
    Index("ix_cases_open", "id", sqlite_where=_NOT_CLOSED, postgresql_where=_NOT_CLOSED),
)

#: Who was chosen for a case, and why; and what became of it. Shown at the desk, never changed.
decisions = Table(
    "decisions",
    metadata,
    _id(),
    Column("case_id", Integer, ForeignKey("cases.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(12), nullable=False),  # offered, lapsed, taken, passed, jumped, marked ...
    Column("agent_id", Integer),  # whom it is about
    Column("by_agent_id", Integer),  # who decided; None: the service
    Column("why", String(200), nullable=False, server_default=""),
    Column("facts", JSON, nullable=False),
    Column("at", Time, nullable=False),
)

#: The context handed over. Never changed; each hand-off of a case adds a version.
packets = Table(
    "packets",
    metadata,
    _id(),
    Column("case_id", Integer, ForeignKey("cases.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("body", JSON, nullable=False),
    Column("created_at", Time, nullable=False),
    UniqueConstraint("case_id", "version"),
)

#: Every change of state, as a row one can read.
moves = Table(
    "moves",
    metadata,
    _id(),
    _conversation(nullable=False, index=True),
    Column("case_id", Integer),
    Column("from_status", String(8), nullable=False),
    Column("to_status", String(8), nullable=False),
    Column("who", String(16), nullable=False),  # customer, bot, agent, time
    Column("agent_id", Integer),
    Column("why", Text, nullable=False),
    Column("at", Time, nullable=False),
)

#: The three clocks of a case: with whom the customer's matter was, from when to when. At most one runs.
spans = Table(
    "spans",
    metadata,
    _id(),
    _case(),
    Column("clock", String(8), nullable=False),  # bot, waiting (for a person's answer), person
    Column("team", String(32), nullable=False),
    Column("agent_id", Integer),  # person: whose time; waiting: who answered
    Column("began_at", Time, nullable=False),
    Column("began_why", String(16), nullable=False),  # see bot/flow/clocks.py
    Column("ended_at", Time),
    Column("ended_why", String(16)),
    Index("ix_spans_case", "case_id", "id"),
    Index("ix_spans_running", "case_id", unique=True, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    Index("ix_spans_running_team", "team", "clock", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
)

#: What a team aims at for a case, as its file said when it began; and what became of it.
targets = Table(
    "targets",
    metadata,
    _id(),
    _case(),
    Column("kind", String(16), nullable=False),  # first_answer, next_answer, resolution
    Column("team", String(32), nullable=False),
    Column("began_at", Time, nullable=False),
    Column("warn_at", Time, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("state", String(8), nullable=False),  # open, met, broken, dropped
    Column("warned_at", Time),
    Column("warned_agent_id", Integer),  # None: nobody had it, the queue was told
    Column("broken_at", Time),
    Column("ended_at", Time),  # met, dropped, or done at last though too late
    Column("ended_why", String(16)),
    Column("hours", Integer, nullable=False, server_default="0"),  # the version of team_files whose hours these are
    Index("ix_targets_case", "case_id", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
    Index("ix_targets_state_due", "state", "due_at"),
    Index("ix_targets_began", "began_at"),
)

#: Each time a customer was sent to a team's queue: the scene, what was said about the wait, and how long it took.
waits = Table(
    "waits",
    metadata,
    _id(),
    _case(),
    Column("team", String(32), nullable=False),
    Column("began_at", Time, nullable=False),
    Column("weekday", Integer, nullable=False),  # 0 is Monday; the team's local time
    Column("minute", Integer, nullable=False),  # of the day
    Column("closed", Boolean, nullable=False),  # asked outside the team's hours
    Column("ahead", Integer, nullable=False),  # customers of the team who waited for an answer
    Column("people", Integer, nullable=False),  # of the team who were there
    Column("load", Float, nullable=False),
    Column("minutes", Integer),  # said: an answer within these minutes of opening hours; None: nothing was said
    Column("due_at", Time),  # the moment that this means
    Column("basis", JSON),  # what it was computed from
    Column("offer_at", Time),  # "write to me by then": the hour that was offered
    Column("promise_id", Integer),  # the customer chose it
    Column("tell_at", Time),  # still nobody then: the customer is told once; None: is not told
    Column("hours", Integer, nullable=False, server_default="0"),  # the version of team_files whose hours these are
    Column("told_at", Time),
    Column("told_due_at", Time),  # what was said then; None: no time
    Column("ended_at", Time),
    Column("ended_why", String(16)),  # answered, elsewhere, or why nobody had to answer any more
    Column("seconds", Integer),  # of opening hours, until it ended
    Column("kept", Boolean),  # whether what was said was true; None: not said, or nobody can know
    Index("ix_waits_case", "case_id", "id"),
    Index("ix_waits_team", "team", "id"),
    Index("ix_waits_began", "began_at"),
    Index("ix_waits_tell", "tell_at", sqlite_where=_RUNNING, postgresql_where=_RUNNING),
)

#: What was learned in the dialogue, each with the message it came from.
facts = Table(
    "facts",
    metadata,
    _id(),
    _conversation(nullable=False, index=True),
    Column("name", String(64), nullable=False),
    Column("value", JSON, nullable=False),
    Column("message_id", Integer),
    Column("at", Time, nullable=False),
)

#: What somebody said would happen, to whom and by when. Times that are set once are the sweep's memory.
promises = Table(
    "promises",
    metadata,
    _id(),
    _conversation(nullable=False),
    Column("case_id", Integer),
    Column("what", Text, nullable=False),
    Column("due_at", Time, nullable=False),
    Column("reference", String(64), nullable=False, default=""),
    Column("kind", String(16), nullable=False, default="other", server_default="other"),
    Column("made_by", String(8), nullable=False, default="bot", server_default="bot"),  # agent, bot, company
    Column("agent_id", Integer),  # who wrote it; None: the bot said it
    Column("message_id", Integer),
    Column("state", String(10), nullable=False),  # open, kept, broken, withdrawn
    Column("created_at", Time, nullable=False),
    Column("warned_at", Time),  # the owner was told that it is due soon
    Column("escalated_at", Time),  # the time was over and nobody had said that it is kept
    Column("told_at", Time),  # the customer was told that it is late, or the owner was asked to
    Column("asked_at", Time),  # the customer was asked whether it happened
    Column("settled_at", Time),
    Column("check_text", Text, nullable=False, default="", server_default=""),  # asks the engine; "": nobody to ask
    Column("check_at", Time),  # when it is asked next
    Column("answer", String(8), nullable=False, default="", server_default=""),  # not_yet, unknown
    Column("answered_at", Time),
    Index("ix_promises_check", "state", "check_at"),
    Index("ix_promises_state_due", "state", "due_at"),
    Index("ix_promises_state_settled", "state", "settled_at"),
    Index("ix_promises_conversation", "conversation_id", "state", "due_at"),
)

#: Every change of a promise, as a row one can read.
promise_changes = Table(
    "promise_changes",
    metadata,
    _id(),
    Column("promise_id", Integer, ForeignKey("promises.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("from_state", String(10), nullable=False),  # "" for a new one
    Column("to_state", String(10), nullable=False),
    Column("who", String(16), nullable=False),  # customer, bot, agent, company, time
    Column("agent_id", Integer),
    Column("why", Text, nullable=False),
    Column("due_at", Time, nullable=False),  # as it was promised from now on
    Column("at", Time, nullable=False),
)

#: "Write to me when it is fixed."
watches = Table(
    "watches",
    metadata,
    _id(),
    _conversation(nullable=False),
    Column("subject", String(200), nullable=False, index=True),
    Column("check_text", Text, nullable=False),
    Column("tell_text", Text, nullable=False),
    Column("state", String(8), nullable=False),  # open, told
    Column("created_at", Time, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    _id(),
    Column("login", String(64), nullable=False, unique=True),
    Column("name", String(50), nullable=False),  # a Messenger persona's name has 50 characters at most
    Column("role", String(8), nullable=False),  # agent, lead, editor, admin
    Column("password_hash", Text, nullable=False),
    Column("active", Boolean, nullable=False, default=True),
    Column("picture", LargeBinary, nullable=False),  # JPEG, square
    Column("picture_version", Integer, nullable=False, default=1),
    Column("created_at", Time, nullable=False),
    Column("teams", JSON, nullable=False, server_default="[]"),  # keys; none: all teams
    Column("languages", JSON, nullable=False, server_default="[]"),  # none: all languages
    Column("topics", JSON, nullable=False, server_default="[]"),  # what the person knows best
    Column("capacity", Integer, nullable=False, server_default="6"),  # customers at a time; 0: only by name
    Column("paused_at", Time),  # at the desk, but takes nothing new
)

#: Who is really there: a desk that is open (it reports by itself) and used (somebody moves).
presence = Table(
    "presence",
    metadata,
    Column("agent_id", Integer, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("seen_at", Time, nullable=False, index=True),
    Column("used_at", Time, nullable=False),
    Column("offered_at", Time),  # the last case: among equals it is the turn of who waited longest
)

#: Who has a conversation open, and who is typing in it: colleagues see each other.
attention = Table(
    "attention",
    metadata,
    _conversation(primary_key=True),
    Column("agent_id", Integer, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("seen_at", Time, nullable=False),
    Column("typed_at", Time),
)

#: Every version of teams.yml that was in force.
team_files = Table(
    "team_files",
    metadata,
    _id(),
    Column("text", Text, nullable=False),
    Column("agent_id", Integer),  # who changed it at the desk; None: it was read from the file
    Column("at", Time, nullable=False),
)

#: How a platform knows a person (a persona's id), per picture.
handles = Table(
    "handles",
    metadata,
    Column("agent_id", Integer, ForeignKey("agents.id", ondelete="CASCADE"), primary_key=True),
    Column("channel", String(32), primary_key=True),
    Column("picture_version", Integer, primary_key=True),
    Column("name", String(50), primary_key=True),
    Column("handle", String(200), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", String(64), primary_key=True),  # SHA-256: a stolen database opens no desk
    Column("agent_id", Integer, ForeignKey("agents.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("csrf", String(64), nullable=False),
    Column("created_at", Time, nullable=False),
    Column("seen_at", Time, nullable=False),
)

#: Who did what at the desk, to which case or person; and who looked at a case that was not theirs. Never changed.
audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", Time, nullable=False, index=True),
    Column("agent_id", Integer),  # who; None: the command line, or nobody who is known
    Column("kind", String(24), nullable=False),
    Column("conversation_id", Integer),
    Column("case_id", Integer, index=True),
    Column("person_id", Integer),  # about whom of the desk
    Column("details", JSON, nullable=False),  # numbers, codes, names of fields: never the text of a message
    Index("ix_audit_agent", "agent_id", "id"),
    Index("ix_audit_person", "person_id", "id"),
    Index("ix_audit_conversation", "conversation_id", "agent_id", "at"),
    Index("ix_audit_kind", "kind", "id"),
    sqlite_autoincrement=True,
)

#: What may be said while no engine answers, of the newest model that said it: one row.
fixed_answers = Table(
    "fixed_answers",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("answers", JSON, nullable=False),
    Column("at", Time, nullable=False),
)

#: Something changed in a conversation: open desks ask for what is newer than the last id they saw.
live = Table(
    "live",
    metadata,
    _id(),
    Column("conversation_id", Integer, nullable=False),  # 0: about a person's sessions
    Column("kind", String(16), nullable=False),  # message, move, delivery, read, offer:<person>, out:<person> …
    Column("at", Time, nullable=False),
    sqlite_autoincrement=True,
)

#: Which model the engine of a place got, and why; asked for by a command, done by the service that owns the engine.
engine_moves = Table(
    "engine_moves",
    metadata,
    _id(),
    Column("place", String(255), nullable=False, index=True),  # whose engine: the machine and its data folder
    Column("model", String(64), nullable=False),
    Column("content", String(64), nullable=False),  # what the content's own model was called then
    Column("why", String(8), nullable=False),  # start, swap, back, memory
    Column("who", String(64), nullable=False),
    Column("state", String(8), nullable=False),  # asked, coming, done, failed
    Column("problem", Text),
    Column("report", JSON),  # how it did at stored conversations, in numbers
    Column("asked_at", Time, nullable=False),
    Column("done_at", Time),
)
