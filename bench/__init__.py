"""Measurements: this bot beside stock Rasa, on the same machine, in the same run, with the same content.

    python -m bench                what `make bench` does; prints the tables and writes docs/benchmarks.md
    python -m bench --only PART    one part, or several; --quick: less of each. Prints, and writes no page

    plan.py        the parts, in their order
    talk.py        the whole way of a message, beside stock Rasa
    sides.py       who is measured and who measures, each in a process of its own
    serve.py       the bot as in production, in a process of its own, its pacing lifted
    stock.py       stock Rasa: the configuration of `rasa init`, our content, its REST channel
    acks.py        the webhook alone, with and without storage
    engines.py     the bot with two engines, beside one
    generator.py   the customers, in a process of their own with a stand-in of the platform
    load.py        how they write: at a fixed rate, as fast as they are answered, one after the other
    customers.py   what they write, and to whom
    inbox.py       the desk's pages on a large store (large_store.py), on both databases (postgres.py)
    pulling.py     many agents at one queue: is none taken twice? (desks.py: open desks at desk_server.py)
    live.py        many open desks: how long until a new case is on the screen of its agent?
    waits.py       thirty simulated days of a team: is what customers are told about the wait true?
    wire.py        as little HTTP as is needed: a heavy generator would take the cores that it measures
    processes.py   starting, ending, memory and processor time
    scale.py       how much of each part, and what was found
    report.py      the page: targets and tables (tables.py, talk_tables.py)
"""
