"""The desk's words and pictures: languages, times, safe addresses, made-up cursors."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml
from PIL import Image

from bot.desk.attempts import REMEMBERED, Attempts
from bot.desk.files import headers_for
from bot.desk.pictures import fit_to_send, initials
from bot.desk.signin import safe_next
from bot.desk.timeline import system_line
from bot.desk.words import FOLDER, Words, language_of
from bot.flow.texts import Texts
from bot.flow.turn import _inner
from bot.model.states import Outcome, Sending, Status
from bot.store.lists import _key

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ROOT = FOLDER.parents[2]
#: Intents with which the service asks by itself: no customer's message has one.
OF_THE_SERVICE = {"check_incident", "check_promise", "incident_fixed"}
EVIL = ("//evil.example", "https://evil.example", "/desk\\evil", "/deskevil", "/desk/login", "/desk\n/x", "", "/")


def words(language: str = "it") -> Words:
    return Words(Texts(FOLDER), language, ZoneInfo("Europe/Rome"), NOW)


@pytest.mark.parametrize("goal", EVIL)
def test_the_sign_in_leads_to_no_other_site(goal: str) -> None:
    assert safe_next(goal) == "/desk"
    assert safe_next("/desk/c/7?tab=mine") == "/desk/c/7?tab=mine"


@pytest.mark.parametrize(
    ("accept", "language"),
    [("", "it"), ("en-GB,en;q=0.9", "en"), ("fr,it;q=0.8,en;q=0.5", "it"), ("de", "it"), ("en;q=x,it;q=0.1", "it")],
)
def test_the_language_is_the_browser_s(accept: str, language: str) -> None:
    assert language_of(accept) == language


def test_times_are_said_the_way_people_say_them() -> None:
    w = words()
    spans = {0: "<1 min", 59: "59 min", 60: "1 h", 65: "1 h 05", 11 * 60 + 5: "11 h", 3 * 1440: "3 g"}
    assert {minutes: w.span(timedelta(minutes=minutes)) for minutes in spans} == spans
    assert w.at(NOW) == "oggi, 11:00"  # in Rome
    assert w.day(NOW - timedelta(days=1)) == "ieri" and words("en").day(NOW + timedelta(days=1)) == "tomorrow"
    assert w.day(NOW - timedelta(days=400)) == "20 ottobre 2025"


def test_what_actions_note_is_said_in_the_agents_language() -> None:
    assert words().noted("case_late: R-20410").startswith("Richiesta oltre la data prevista (R-20410)")
    assert words("en").noted("case_late: R-20410").startswith("Request past its expected day (R-20410)")
    assert words("en").noted("visit") == "Technician's visit"
    due = system_line(words("en"), "promise_due: pin_sim_puk PIN-7")
    assert due == "A promise is due: The SIM's PUK reaching them PIN-7"
    for own in ("Chiedere del contratto: è doppio", "Ti richiamo entro sera", ""):
        assert words("en").noted(own) == own


def test_every_note_and_promise_of_the_actions_has_its_words() -> None:
    trees = [ast.walk(ast.parse(path.read_text("utf-8"))) for path in (ROOT / "actions").glob("*.py")]
    said: list[ast.expr] = []
    for node in (node for tree in trees for node in tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("hand_off", "promise"):
            said += [one.value for one in node.keywords if one.arg == "note"] + node.args[1:2]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "note":
            said.append(node.value)
    codes = {code.group() for one in said for code in re.finditer(r"(?<=['\"])[a-z_]{5,}(?=[:{'\"])", ast.unparse(one))}
    codes |= {"pin_", "privacy_"}  # built with what they are about
    known = set(yaml.safe_load((FOLDER / "en.yml").read_text("utf-8"))["noted"])
    assert len(codes) > 12 and {"asked_in_form", "case_late", "visit"} <= codes
    assert {code for code in codes if not any(f"{key}_".startswith(code) for key in known)} == set()


def test_what_the_dialogue_learns_and_takes_customers_to_mean_has_its_words() -> None:
    domain = [yaml.safe_load(path.read_text("utf-8")) for path in (ROOT / "domain").glob("*.yml")]
    slots = {name for each in domain for name in each.get("slots") or {}}
    listed = [one for each in domain for one in each.get("intents") or ()]
    intents = {one if isinstance(one, str) else next(iter(one)) for one in listed}
    examples = "".join(path.read_text("utf-8") for path in (ROOT / "nlu").glob("*.yml"))
    taught = set(re.findall(r"- intent: (\w+)", examples))
    words = yaml.safe_load((FOLDER / "it.yml").read_text("utf-8"))
    assert set(words["fact"]) == {name for name in slots if not _inner(name)}
    assert set(words["topic"]) <= intents | taught
    assert intents - taught - OF_THE_SERVICE <= set(words["topic"])  # an editor's new topic is shown by its own name
    facts = (ROOT / "actions" / "facts.py").read_text("utf-8")
    assert set(re.findall(r"Fact\(\"(\w+)\"", facts)) <= set(words["value"])


def test_every_reason_for_which_nothing_was_sent_has_its_words() -> None:
    sources = [path for folder in ("channels", "flow") for path in (ROOT / "bot" / folder).glob("*.py")]
    reasons = {one for path in sources for one in re.findall(r"SendError\(\s*\"(\w+)\"", path.read_text("utf-8"))}
    known = set(yaml.safe_load((FOLDER / "it.yml").read_text("utf-8"))["problem"])
    assert len(reasons) > 10 and reasons - known == set()


def test_unknown_codes_are_shown_and_details_of_problems_are_not() -> None:
    w = words()
    assert w.name("fact", "shoe_size") == "shoe size"
    assert w.problem("blocked: https://platform.example/bot-TOKEN") == "il cliente ha bloccato il bot"
    assert "TOKEN" not in w.problem("https://platform.example/bot-TOKEN")
    assert w.problem("a person took over") == "una persona ha preso la parola"


def test_every_state_and_every_text_of_a_template_has_words() -> None:
    texts = Texts(FOLDER)
    wanted = {f"delivery.{state}" for state in Sending} | {f"status.{status}" for status in Status}
    wanted |= {f"outcome.{outcome}" for outcome in Outcome}
    for file in (*FOLDER.parent.glob("templates/*.html"), *FOLDER.parent.glob("*.py")):
        source = file.read_text("utf-8")
        pattern = r"\bw\(['\"]([\w.]+)['\"][,)]" if file.suffix == ".html" else r"\bw(?:ords)?\(\"([\w.]+)\"[,)]"
        wanted |= set(re.findall(pattern, source))
    assert len(wanted) > 100 and sorted(key for key in wanted if not texts.has(key)) == []


def test_a_picture_is_drawn_for_everyone() -> None:
    for name in ("Giulia Ferri", "Ö", "", "  ", "李 小龙", "Ana María de la Cruz", "👩‍💻 x"):
        assert Image.open(io.BytesIO(initials(name))).size == (512, 512)
    assert initials("Giulia Ferri") == initials("Giulia Ferri") != initials("Marco Benedetti")


def test_an_image_is_sent_without_what_came_along_with_it() -> None:
    out = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "a phone"
    Image.new("RGB", (3000, 10), "red").save(out, "JPEG", exif=exif)
    sent = Image.open(io.BytesIO(fit_to_send(out.getvalue())))
    assert sent.size[0] == 2048 and not sent.getexif()


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGBA"), ("GIF", "P")]
)
def test_an_image_is_sent_upright_on_white_and_small(kind: str, mode: str) -> None:
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # the phone was held upright
    Image.new(mode, (2400, 600)).save(out, kind, **({"exif": exif} if kind != "GIF" else {}))
    sent = Image.open(io.BytesIO(fit_to_send(out.getvalue())))
    assert sent.size == ((512, 2048) if kind != "GIF" else (2048, 512))
    assert sent.getpixel((9, 9)) == ((255, 255, 255) if mode == "RGBA" else (0, 0, 0))


def test_a_large_picture_takes_a_part_of_the_memory_that_there_is() -> None:
    """In a container the service has 512 MB for everything; several at once wait for each other."""
    code = """if True:
        import io, re, threading
        from pathlib import Path
        from PIL import Image
        from bot.desk.pictures import fit_to_send
        out = io.BytesIO()
        Image.new("P", (4000, 4000)).save(out, "PNG")
        all_ = [threading.Thread(target=fit_to_send, args=(out.getvalue(),)) for _ in range(4)]
        [each.start() for each in all_], [each.join() for each in all_]
        # not ru_maxrss: that begins with what the process was that started this one
        print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
    """
    run = [sys.executable, "-c", code]
    told = subprocess.run(run, check=True, capture_output=True, text=True, cwd=FOLDER.parents[2]).stdout
    assert int(told) < 320, "megabytes, with all that Python itself holds"


@pytest.mark.parametrize("first", [b"<html>", b"<svg xmlns", b"%!PS", b"", b"GIF88a", b"RIFFxxxxHTML"])
def test_only_files_of_harmless_kinds_are_shown_in_the_browser(first: bytes) -> None:
    headers = headers_for(first, 'a"\r\nX: y.html')
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment;") and "\n" not in headers["Content-Disposition"]
    assert headers_for(b"\xff\xd8\xff\xe0", "a.jpg")["Content-Type"] == "image/jpeg"


def test_a_file_that_a_browser_keeps_is_for_this_session_only() -> None:
    headers = headers_for(b"\xff\xd8\xff\xe0", "a.jpg")
    assert headers["Cache-Control"].startswith("private") and headers["Vary"] == "Cookie"


def test_made_up_cursors_show_the_first_page() -> None:
    for cursor in (None, "", "x", "W10=", "WyJhIl0=", "W1tdXQ==", "eyJ0IjoxfQ==", "é", "bnVsbA==", "MQ=="):
        assert not _key(cursor), cursor


def test_made_up_logins_do_not_fill_the_memory() -> None:
    attempts = Attempts()
    for n in range(REMEMBERED + 50):
        attempts.failed(f"login{n}", f"10.0.0.{n}", NOW)
    assert len(attempts._failures) <= REMEMBERED


def test_the_desk_names_no_platform() -> None:
    for file in Path(FOLDER.parent).rglob("*.*"):
        if file.suffix in (".py", ".html", ".js", ".css", ".yml"):
            code = "\n".join(line for line in file.read_text("utf-8").splitlines() if "#" not in line)
            assert not re.search(r"telegram|messenger", code, re.IGNORECASE), file.name
