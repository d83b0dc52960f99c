"""The whole service under load while its processes are killed, stopped and cut off: what arrived is answered, once.

    processes  the bots, the engines, PostgreSQL or SQLite, Redis: real ones, killed without a warning
    platforms  both platforms, which forget nothing: their record is the truth
    customers  who write numbers, and the delivery of webhooks, some of them twice
    scenes     what goes wrong
    ledger     the record against what was written and what the store says

Short in `tests/soak/test_soak.py`; long: `make soak`. The platforms and the customers live in the process that runs
the whole, the only one that is never killed.
"""
