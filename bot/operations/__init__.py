"""What the person who runs the service does: look at it, find what is stuck, try again, save and bring back.

    check      is everything set up as it should be?        (asks the database, the engine, the platforms)
    doctor     what is stuck, and why?                      (asks the database only)
    replay     a set-aside update again, after a fix
    engines    another model for the engine, without a failed turn; rehearse: tried on what customers wrote
    copies     backup while running, restore with self-test
    move       everything into another database, row by row (SQLite to PostgreSQL, and back)
"""
