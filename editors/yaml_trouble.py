"""Why a file cannot be read, as somebody who never heard of YAML can mend it.

The reader of YAML says what it expected and where it gave up, which is often lines below the slip. What people do
wrong is of few kinds; the slip of the likeliest kind is looked for, from where the reader gave up backwards.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from editors.sentences import Mistake
from editors.yaml_lines import Unreadable

#: A key or a dash, then a value that begins with a quotation mark.
QUOTED = re.compile(r"""^\s*(?:-\s+)*(?:[\w-]+:\s+)?(["'])(?P<rest>.*)$""")
#: What may follow the opening mark: the text, the closing mark, and perhaps a remark.
ENDS = {'"': re.compile(r'(?:[^"\\]|\\.)*"\s*(#.*)?'), "'": re.compile(r"(?:[^']|'')*'\s*(#.*)?")}
#: How the reader's own words begin, in both of its kinds (C and Python), and what that mostly is.
KINDS = (
    (("did not find expected ',' or", "expected ',' or"), "yaml_comma"),
    (("mapping values are not allowed",), "yaml_colon"),
    (("found character that cannot start any token", "found character '"), "yaml_special"),
    (("found undefined alias",), "yaml_alias"),
    (("did not find expected key", "did not find expected '-'", "could not find expected ':'", "expected <block end>",
      "block sequence entries are not allowed", "did not find expected <document start>"), "yaml_indent"),
)  # fmt: skip


def explained(name: str, text: str, error: Unreadable) -> Mistake:
    """The mistake that made `text`, the file `name`, unreadable, at the line where it was most likely made."""
    lines = text.splitlines()
    reached = min(error.line, len(lines))
    tab = next((number for number, line in enumerate(lines[:reached], 1) if re.match(r"[ ]*\t", line)), 0)
    if tab:
        return Mistake(name, tab, "yaml_tab")
    open_quote = unclosed(lines, reached)
    if open_quote:
        mark = QUOTED.match(lines[open_quote - 1])
        return Mistake(name, open_quote, "yaml_apostrophe" if mark and mark[1] == "'" else "yaml_quote")
    said = str(error)
    say = next((say for beginnings, say in KINDS if said.startswith(beginnings)), "unreadable")
    return Mistake(name, error.line, say, {"error": said})


def unclosed(lines: Sequence[str], reached: int) -> int:
    """The last line up to `reached` whose quotation marks do not come out even; 0 when all do."""
    for number in range(reached, 0, -1):
        found = QUOTED.match(lines[number - 1])
        if found and not ENDS[found[1]].fullmatch(found["rest"]):
            return number
    return 0
