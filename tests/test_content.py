"""`make content`: the product's content is fine, and each kind of mistake is told with its file and line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from editors.check import written
from editors.content import read_content

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("domain", "nlu", "stories", "tests/content", "actions", "bot/texts", "bot/desk/texts")
TEAMS = "teams.yml"
Make = Callable[[Path], None]


def check(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, as `make content` runs it."""
    command = [sys.executable, "-m", "editors", "content", "--root", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "LANG": "C.UTF-8"})


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A copy of the product's content, to make mistakes in."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / TEAMS, tmp_path)
    return tmp_path


def test_the_products_content_is_fine() -> None:
    told = check(ROOT, "--lang", "en")
    assert told.returncode == 0, told.stdout + told.stderr
    assert "Content is fine" in told.stdout


def test_every_topic_that_is_shipped_has_examples() -> None:
    """There may be others: docs/content.md tells how they are added, and code is not needed for them."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "nlu").glob("*.yml")]
    named = {name for text in texts for name in re.findall(r"- intent: (\w+)", text)}
    assert named >= set(
        "greet goodbye thank affirm deny ask_bot misunderstood ask_human request_pin store_hours find_store line_status"
        " report_fault activation_status technician_appointment bill_question price_availability complaint case_status"
        " privacy_request nlu_fallback".split()
    )


def test_mistakes_end_the_command_with_one_in_italian_unless_asked(content: Path) -> None:
    (content / "nlu" / "complaint.yml").write_text("nlu: [", encoding="utf-8")
    told = check(content)
    assert told.returncode == 1 and "nlu/complaint.yml:1: il file non si legge" in told.stdout and not told.stderr
    assert "nlu/complaint.yml:1: the file cannot be read" in check(content, "--lang", "en").stdout


def replaced(file: str, old: str, new: str) -> Make:
    """A mistake: other words in a file."""

    def make(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text
        (root / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return make


def added(file: str, text: str) -> Make:
    """A mistake: more words at the end of a file, or a new file."""

    def make(root: Path) -> None:
        with (root / file).open("a", encoding="utf-8") as target:
            target.write(text)

    return make


def removed(file: str) -> Make:
    """A mistake: a file that is not there."""
    return lambda root: (root / file).unlink()


def renamed(file: str, name: str) -> Make:
    """A mistake: a file under another name."""

    def make(root: Path) -> None:
        (root / file).rename(root / name)

    return make


def encoded(file: str, encoding: str) -> Make:
    """A mistake: a file as another program saves it."""
    return lambda root: (root / file).write_text((root / file).read_text("utf-8"), encoding=encoding, errors="replace")


def thanks(text: str) -> Make:
    """A mistake: the Italian thanks in these words and marks."""
    return replaced(TALK, ITALIAN_THANKS, f"    - text: {text}\n")


TALK, BILL, PRICE = "domain/small_talk.yml", "domain/bill_question.yml", "domain/price_availability.yml"
PRICE_STORY, COMPLAINT_STORY = "stories/price_availability.yml", "stories/complaint.yml"
ASK, COMPLAINT = "nlu/ask_human.yml", "domain/complaint.yml"
ITALIAN_THANKS = '    - text: "Di nulla, è un piacere! Se ti serve altro sono qui."\n'
SECOND_RULE = """
  - rule: another complaint
    steps:
      - intent: complaint
      - action: action_small_talk
"""
IDLE_RULE = """
  - rule: only in Italian
    condition:
      - slot_was_set:
          - language: it
    steps:
      - intent: thank
      - action: action_small_talk
"""
#: What is done, the file and a text of the line that must be named ("" where the file's place is enough), what is said.
MISTAKES: dict[str, tuple[Make, str, str, str]] = {
    "no YAML": (replaced(TALK, "intents:", "intents: ["), TALK, "", "cannot be read"),
    "another shape": (replaced(COMPLAINT, "\nintents:\n  - complaint", "\nintents: complaint"), COMPLAINT,
                      "intents: complaint", "not built as it should be"),
    "words where parts belong": (replaced(ASK, "metadata:\n    language: it", "metadata: it"), ASK, "metadata: it",
                                 "“nlu: - metadata” is not built as it should be"),
    "a list for an intent": (replaced(ASK, "intent: ask_human", "intent: [ask_human]"), ASK, "intent: [ask_human]",
                             "not built as it should be"),
    "a form without parts": (added(COMPLAINT, "\nforms:\n  why_form:\n    - town\n"), COMPLAINT, "  why_form:",
                             "“forms: why_form” is not built as it should be"),
    "a slot that is a word": (added(COMPLAINT, "\nslots:\n  why: text\n"), COMPLAINT, "  why: text",
                              "“slots: why” is not built as it should be"),
    "either without a choice": (replaced(COMPLAINT_STORY, "- intent: complaint", "- or: complaint"), COMPLAINT_STORY,
                                "    steps:", "“rules: - steps” is not built as it should be"),
    "a tab": (replaced(TALK, ITALIAN_THANKS, "\t" + ITALIAN_THANKS.lstrip()), TALK, "\t- text", "begins with a tab"),
    "quotation marks inside": (thanks('"Di nulla, è un "vero" piacere!"'), TALK, "vero", "marks do not match"),
    "a mark that never ends": (thanks('"Di nulla'), TALK, '"Di nulla\n', "marks do not match"),
    "an apostrophe": (thanks("'Di nulla, c'è altro?'"), TALK, "c'è altro?'", "an apostrophe ends the text"),
    "marks of a word processor": (thanks("“Di nulla.”"), TALK, "“Di nulla", "stands between curly quotes"),
    "a colon": (thanks("Di nulla: è un piacere"), TALK, "nulla: è un", "the text holds a colon"),
    "a special sign": (thanks("@tutti di nulla"), TALK, "@tutti", "begins with a sign such as @"),
    "a button without a comma": (replaced(TALK, 'negozi", payload', 'negozi" payload'), TALK, 'negozi" payload',
                                 "a comma is missing"),
    "a name nobody set": (replaced(TALK, "*everyday_it", "*everyday"), TALK, "*everyday\n", "no `&name` above"),
    "a line too far left": (replaced(COMPLAINT, "  utter_topic_complaint", " utter_topic_complaint"), COMPLAINT,
                            "  utter_complaint", "does not fit the lines above"),
    "an answer without a dash": (replaced(TALK, ITALIAN_THANKS, "      " + ITALIAN_THANKS.lstrip(" -")), TALK,
                                 '      text: "Di nulla, è', "does the second lack a “- ” before it?"),
    "an example without a dash": (replaced(ASK, "    - agent\n", "      agent\n"), ASK, "      agent\n",
                                  "“agent” has no dash before it"),
    "an example too far left": (replaced(ASK, "    - agent\n", "- agent\n"), ASK, "- agent\n",
                                "`examples:` is followed by `|`"),
    "examples without a bar": (replaced(ASK, "examples: |", "examples:"), ASK, "", "`examples:` is followed by `|`"),
    "a word of the file misspelt": (replaced(COMPLAINT, "\nresponses:", "\nrespones:"), COMPLAINT, "respones:",
                                    "“respones:” means nothing here, and what stands under it is lost. "
                                    "You may have meant responses:"),
    "a word translated": (replaced(TALK, '{title: "Orari', '{titolo: "Orari'), TALK, '{titolo: "Orari', "meant title:"),
    "another encoding": (encoded(COMPLAINT, "cp1252"), COMPLAINT, "", "Save it again, as “UTF-8”"),
    "another ending": (renamed("nlu/complaint.yml", "nlu/complaint.yaml"), "nlu/complaint.yaml", "", "end in .yml"),
    "a topic in two lists": (replaced(COMPLAINT, "  - complaint\n", "  - complaint\n  - bill_question\n"), COMPLAINT,
                             "  - bill_question", "is listed in domain/bill_question.yml already"),
    "examples in another topic's file": (
        added(ASK, "- intent: thank\n  metadata:\n    language: it\n  examples: |\n    - mille di questi grazie\n"),
        ASK, "- intent: thank", "belong into nlu/small_talk.yml"),
    "a key twice": (added(COMPLAINT, "\n  utter_complaint:\n    - text: x\n"), COMPLAINT,
                    "  utter_complaint:\n    - text", "“utter_complaint” stands twice"),
    "no Italian examples": (replaced(ASK, "language: it", "language: en"), ASK, "- intent: ask_human",
                            "has no examples in Italian"),
    "an example of two intents": (added(ASK, "    - my BILL!\n"), "nlu/bill_question.yml", "    - my bill\n",
                                  "“my bill” is an example of bill_question and of ask_human (nlu/ask_human.yml:"),
    "an example twice": (added(ASK, "    - agent\n"), ASK, "    - agent\n$", "“agent” stands twice under ask_human"),
    "somebody's data": (added(ASK, "    - i am VL-104233\n"), ASK, "VL-104233", "holds a customer code"),
    "no language": (replaced("nlu/complaint.yml", "language: en", "lingua: en"), "nlu/complaint.yml", "",
                    "is in no known language (?)"),
    "unknown intent": (replaced(TALK, "  - thank\n", ""), "nlu/small_talk.yml", "- intent: thank",
                       "the intent thank is not in domain/"),
    "no English": (replaced(COMPLAINT, "name: language, value: en", "name: town, value: x"), COMPLAINT,
                   "  utter_topic_complaint:", "utter_topic_complaint has no English text"),
    "no Italian": (replaced(TALK, ITALIAN_THANKS, ""), TALK, "  utter_thank:", "utter_thank has no Italian text"),
    "an empty text": (replaced(TALK, '"Di nulla!"', '" "'), TALK, 'text: " "', "utter_thank_aside has an empty text"),
    "a long text": (replaced(TALK, "Di nulla!", "Di nulla. " * 40), TALK, "Di nulla. Di nulla.", "300 is the most"),
    "too long for a platform": (replaced(TALK, "Di nulla!", "Di nulla. " * 300), TALK, "Di nulla. Di nulla.",
                                "on Messenger the text does not fit into one message (1940"),
    "shouting twice": (replaced(TALK, "piacere! Se ti serve altro sono qui.", "piacere! Sono qui!"), TALK, "Sono qui!",
                       "shouts"),
    "shouting": (replaced(TALK, "Di nulla!", "Di nulla!!"), TALK, "Di nulla!!", "shouts"),
    "a variable that does not exist": (replaced(BILL, "La bolletta di {month} è", "La bolletta di {mese} è"), BILL,
                                       "La bolletta di {mese}", "the variable {mese} does not exist"),
    "different facts": (replaced(BILL, "La bolletta di {month} è", "La bolletta è"), BILL, '"La bolletta è',
                        "the Italian text lacks {month}"),
    "a long title": (replaced(TALK, "Segnala un guasto", "Segnala subito un guasto"), TALK, "Segnala subito",
                     "is 24 characters long; Messenger shows 20 at most"),
    "a long title of a topic": (replaced(COMPLAINT, "Fare un reclamo", "Fare un bel reclamo lungo"), COMPLAINT,
                                "Fare un bel", "Messenger shows 20 at most"),
    "a title twice": (replaced(TALK, '"Segnala un guasto"', '"La mia bolletta"'), TALK, 'bolletta", payload: "/bill',
                      "“La mia bolletta” twice"),
    "a button to nowhere": (replaced(TALK, '"/report_fault"', '"/report_folt"'), TALK, "/report_folt",
                            "leads to /report_folt, which no domain file"),
    "a button to silence": (replaced(COMPLAINT_STORY, "- intent: complaint", "- intent: thank"),
                            COMPLAINT, "  - complaint", "the topic complaint has no answer"),
    "a person's button": (replaced(TALK, '"/report_fault"', '"/ask_human"'), TALK, '"/ask_human"',
                          "the bot adds a way to a person"),
    "single braces": (replaced(BILL, '{{"bill_part": "why"}}', '{"bill_part": "why"}'), BILL,
                      'question{"bill_part": "why"}', "needs doubled braces"),
    "no JSON": (replaced(BILL, '{{"bill_part": "why"}}', "{{bill_part: why}}"), BILL, "{{bill_part: why}}",
                "is not JSON between its braces"),
    "an unknown entity": (replaced(BILL, '{{"bill_part":', '{{"bill_bit":'), BILL, "bill_bit",
                          "gives bill_bit, which no domain file"),
    "different buttons": (replaced(TALK, 'Line status", payload: "/line_status"', 'Line status", payload: "/greet"'),
                          TALK, "", "do not lead to the same places"),
    "an answer in two files": (added(COMPLAINT, "\n  utter_thank:\n    - text: x\n"), TALK, "  utter_thank:",
                               "utter_thank is in domain/complaint.yml too"),
    "no title": (replaced(COMPLAINT, "utter_topic_complaint", "utter_topic_complain"), COMPLAINT, "  - complaint",
                 "the topic complaint has no short title"),
    "a title of nothing": (replaced(COMPLAINT, "utter_topic_complaint", "utter_topic_complain"), COMPLAINT,
                           "utter_topic_complain:", "the short title of complain"),
    "a contradiction": (added(COMPLAINT_STORY, SECOND_RULE), COMPLAINT_STORY, "      - action: action_small_talk",
                        "“another complaint” does action_small_talk, but in the same situation “a complaint” does"),
    "a rule twice": (added(COMPLAINT_STORY, SECOND_RULE.replace("small_talk", "complaint")), COMPLAINT_STORY,
                     "      - action: action_complaint\n$", "says the same as “a complaint” (stories/complaint.yml:"),
    "a condition without effect": (added("stories/small_talk.yml", IDLE_RULE), "stories/small_talk.yml",
                                   "      - slot_was_set:", "the condition on language has no effect"),
    "a rule without action": (added(COMPLAINT_STORY, "\n  - rule: idle\n    steps:\n      - intent: thank\n"),
                              COMPLAINT_STORY, "  - rule: idle", "the rule “idle” does nothing"),
    "a story nobody reads": (added(COMPLAINT_STORY, "\nstories:\n  - story: x\n    steps:\n      - intent: thank\n"
                                   "      - action: action_complaint\n"),
                             COMPLAINT_STORY, "stories:", "nobody reads `stories:` here"),
    "a story's unknown action": (replaced(COMPLAINT_STORY, "action_complaint", "action_complain"), COMPLAINT_STORY,
                                 "action_complain", "“a complaint”: no domain file lists the action action_complain"),
    "a test's unknown intent": (replaced("tests/content/complaint.yml", "intent: complaint", "intent: complain"),
                                "tests/content/complaint.yml", "", "no domain file lists the intent complain"),
    "a story's unknown form": (replaced(PRICE_STORY, "active_loop: stock_form", "active_loop: x"), PRICE_STORY,
                               "active_loop: x", "lists the form x"),
    "other file names": (renamed("nlu/complaint.yml", "nlu/c.yml"), "nlu/c.yml", "", "there is no domain/c.yml"),
    "no test conversation": (removed("tests/content/complaint.yml"), COMPLAINT_STORY, "",
                             "tests/content/complaint.yml is missing"),
    "no code": (removed("actions/complaint.py"), COMPLAINT, "  - action_complaint",
                "no class in actions/ has the name action_complaint"),
    "undeclared code": (replaced(COMPLAINT, "  - action_complaint\n", "  []\n"), "actions/", "",
                        "Rasa would not find it"),
    "an unknown response": (replaced("actions/complaint.py", '"utter_complaint"', '"utter_complant"'), "actions/", "",
                            "the code utters utter_complant"),
    "a forgotten response": (replaced(TALK, "  utter_thank:\n", "  utter_danke:\n"), TALK, "  utter_danke:",
                             "nothing says utter_danke"),
    "an intent nobody reaches": (replaced(TALK, "  - thank\n", "  - thank\n  - shrug\n"), TALK, "  - shrug",
                                 "the intent shrug has"),
    "a form's unknown slot": (replaced(PRICE, "  stock_town:\n", "  shop_town:\n"), PRICE, "  stock_form:",
                              "asks for stock_town"),
    "a built name of nothing": (replaced("actions/bill_question.py", 'f"utter_bill_{kind}"', 'f"utter_bull_{kind}"'),
                                "actions/", "", "such as utter_bull_…"),
    "a service text in one language": (added("bot/texts/it.yml", "\nbuonasera: x\n"), "bot/texts/it.yml", "buonasera",
                                       "“buonasera” is missing in bot/texts/en.yml"),
    "a service text without its facts": (replaced("bot/texts/it.yml", "{name} ti lascia", "Ti lascio"),
                                         "bot/texts/it.yml", "Ti lascio", "lacks {name}"),
    "a slip in the desk's texts": (replaced("bot/desk/texts/it.yml", "  greet:", "\tgreet:"), "bot/desk/texts/it.yml",
                                   "\tgreet:", "begins with a tab"),
    "a topic without a name at the desk": (replaced("bot/desk/texts/en.yml", "topic:\n  greet:", "topic:\n  grin:"),
                                           TALK, "  - greet",
                                           "name in bot/desk/texts/en.yml, under `topic:`"),
    "a topic that a team is misspelt to take": (replaced(TEAMS, "topics: [complaint, ", "topics: [complaints, "), TEAMS,
                                                "topics: [complaints", "there is no topic and no reason “complaints”"),
    "a misspelt topic for who waits": (replaced(TEAMS, "[store_hours, ", "[shop_hours, "), TEAMS, "while_waiting: [sh",
                                       "there is no topic and no reason “shop_hours”"),
    "a slip in the teams": (replaced(TEAMS, "company: Vivalinea", "\tcompany: Vivalinea"), TEAMS, "\tcompany",
                            "begins with a tab"),
}  # fmt: skip


def line_of(file: Path, text: str) -> int:
    """The line where `text` stands first; last with a "$" at its end."""
    whole = file.read_text(encoding="utf-8")
    place = whole.rindex(text[:-1]) if text.endswith("$") else whole.index(text)
    return whole[:place].count("\n") + 1


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_line(content: Path, mistake: str) -> None:
    make, file, text, sentence = MISTAKES[mistake]
    make(content)
    mistakes = [one for one in written(read_content(content)) if not one.warning]
    found = [one.text("en") for one in mistakes]
    told = [one for one in found if sentence in one]
    assert told, found
    where = f"{file}:{line_of(content / file, text)}: " if text else file
    assert any(one.startswith(where) for one in told), (where, told)
    assert all(one.text("it") != one.text("en") for one in mistakes)


@pytest.mark.parametrize(("end", "encoding"), [("\r\n", "utf-8"), ("\n", "utf-8-sig")])
def test_files_of_windows_are_read(content: Path, end: str, encoding: str) -> None:
    for folder in ("domain", "nlu", "stories", "tests/content"):
        path = content / folder / "complaint.yml"
        path.write_text(path.read_text("utf-8").replace("\n", end), encoding=encoding, newline="")
    assert [one.text("en") for one in written(read_content(content)) if not one.warning] == []


def test_one_slip_in_a_shared_list_of_buttons_is_told_once(content: Path) -> None:
    replaced(TALK, '"/report_fault"', '"/report_folt"')(content)
    told = [one for one in written(read_content(content)) if one.say == "leads_nowhere"]
    assert len(told) == 1


def test_too_few_examples_stop_nothing(content: Path) -> None:
    (content / "nlu/complaint.yml").write_text(
        "nlu:\n- intent: complaint\n  metadata: {language: it}\n  examples: |\n    - reclamo\n"
        "- intent: complaint\n  metadata: {language: en}\n  examples: |\n    - complaint\n", encoding="utf-8"
    )  # fmt: skip
    told = [one for one in written(read_content(content)) if one.file == "nlu/complaint.yml"]
    assert [(one.say, one.warning) for one in told] == [("few_it", True), ("few_en", True)]


def test_the_everyday_topics_are_the_same_wherever_they_are_offered() -> None:
    offered = []
    for file, response in (("small_talk", "utter_greet"), ("fallback", "utter_rephrase")):
        text = (ROOT / "domain" / f"{file}.yml").read_text(encoding="utf-8")
        offered.append([one["buttons"] for one in yaml.safe_load(text)["responses"][response]])
    assert offered[0] == offered[1]


@pytest.mark.parametrize("guide", ["contenuti.md", "content.md"])
def test_the_guides_new_topic_is_fine_as_it_stands_there(content: Path, guide: str) -> None:
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    files = re.findall(r"^\d\. `([\w/]+/parking\.yml)`.*\n\n   ```yaml\n((?:   .*\n|\n)+?)   ```$", text, re.MULTILINE)
    folders = ("domain", "nlu", "stories", "tests/content")
    assert [file for file, _ in files] == [f"{folder}/parking.yml" for folder in folders]
    for file, lines in files:
        (content / file).write_text(re.sub(r"^   ", "", lines, flags=re.MULTILINE), encoding="utf-8")
    said = re.search(r"^\d\. .*`bot/desk/texts/it\.yml`.*: `(parking: .*?)` \w+ `(parking: .*?)`", text, re.MULTILINE)
    assert said
    for language, line in zip(("it", "en"), said.groups(), strict=True):
        replaced(f"bot/desk/texts/{language}.yml", "topic:\n", f"topic:\n  {line}\n")(content)
    found = written(read_content(content))
    assert [one.text("en") for one in found if not one.warning] == []
    assert {one.say for one in found if one.file == "nlu/parking.yml"} == {"few_it", "few_en"}
