"""The way of a message, in the order in which it is walked. Read the files in this order:

    channels/*.py        Channel.routes, Channel.start    webhook or long poll: who is calling? -> raw events
    flow/receive.py      receive                          store once, then say 200
    flow/workers.py      wake, take_up                    many conversations at once, in any number of processes
    flow/answer.py       answer_next                      one event of one conversation: whose turn is it?
    flow/scene.py          take, begin, conclude            claimed and looked at; how every turn begins and ends
    flow/meaning.py        meaning                          what a tap, a command or a text asks of the engine
    flow/listen.py         by_ourselves, keep, note         what needs no engine: a person's turn, edits, echoes
    flow/turn.py           bot_turn                         the bot's turn: ask, then keep and say in one transaction
    dialogue.py            Dialogue.ask                     the engine's answer, as data
    flow/say.py            say                              what the customer reads: a message, and rows to send
    flow/handoff.py        request                          a person is wanted: case, packet, honest words
    flow/queue.py        stand, mark, note_jump           its place in the queue, and why
    flow/clocks.py         opened, wrote, answered          three clocks, and what the team aims at
    flow/waits.py          begun, words, chosen, ended      the honest wait: said, kept as a row, true or not
    flow/assign.py       decide, offers                   the right person: offered to one, and on to the next
    flow/handoff.py      claim, reply, give_back, close   what a person does, from the desk
    flow/meanwhile.py    meanwhile                        what who waits writes: for the person, or answered beside
    flow/waiting.py      stands, wished, slipped          how long still, how to wait; told before they ask of delays
    flow/transfer.py     to_person, to_team, pull_in      to a colleague or another team, with a note
    flow/promises.py     record, answered                 what was promised, and whether it happened
    flow/promise_checks.py  asked_about                  the company's systems asked: kept, moved, not yet?
    flow/promise_life.py  promises_due                   soon due, due, told, asked, broken
    flow/windows.py      closing                          until when they may be written to
    flow/deliver.py      deliver_due                      rows -> platform -> sent, later, ambiguous, failed
    flow/rates.py          LocalRates.room                  not too fast for the chat, nor for the channel
    channels/*.py        Channel.send                     one call to the platform
    flow/doubt.py        doubts                           did it arrive? the platform is asked, where it can be
    flow/lost.py         lost_answers                     an answer that failed for good brings a person
    flow/teams.py        take_in, change                  the teams in force, from their file or a lead's hand
    flow/hours.py        moved                            what is under way, counted by other opening hours
    flow/privacy.py      copy, erase                      a customer's own data, when they ask for it
    flow/sweep.py        sweep                            what time does

A turn is one transaction: the event is done, the messages, the dialogue's state and the rows to send are
written together, or not at all. tests/test_way_of_a_message.py holds this list against the code.
"""
