"""Which language a text is written in: the cut model says what the whole one says, and the whole one stays outside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
import yaml
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from bot.flow.language import SURE, language_of
from bot.flow.spoken import spoken

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("it", "en")
ODD = ("il caffè è “perfetto”, l’ho già detto", "it’s the customer’s “first” line", "CIAO COME STAI OGGI", "über größe")
ELSEWHERE = ("привет как дела сегодня", "你好 今天 天气 怎么样", "🙈🙉🙊 🙈🙉🙊", "", "\ud800 \0")


def taught() -> list[str]:
    """What customers write, in both languages, of every topic."""
    said = []
    for file in sorted((ROOT / "nlu").glob("*.yml")):
        for one in yaml.safe_load(file.read_text("utf-8"))["nlu"]:
            said += [line.removeprefix("- ") for line in str(one.get("examples", "")).splitlines()]
    return said


def test_the_cut_model_says_what_the_whole_one_says() -> None:
    whole, cut = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True), spoken(LANGUAGES)
    whole.set_languages(list(LANGUAGES))
    texts = [text.lower() for text in (*taught(), *ODD)]
    assert len(texts) > 1000
    for text in texts:
        (one, sure), (other, as_sure) = whole.classify(text), cut.classify(text)
        assert one == other or max(sure, as_sure) < 0.6, text
        assert (sure >= SURE) == (as_sure >= SURE), text


def test_what_was_cut_is_kept_and_a_damaged_file_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data" / "languages.model"
    made = spoken(LANGUAGES, file)
    whole = file.read_bytes()
    asked = Mock(return_value=Mock(stdout=whole))
    monkeypatch.setattr("bot.flow.spoken.subprocess.run", asked)
    assert spoken(LANGUAGES, file) == made and not asked.called
    for damaged in (whole[:-1], whole[:5000], whole[:300000] + b"?" + whole[300001:], b"", b"[]\n"):
        file.write_bytes(damaged)
        assert spoken(LANGUAGES, file) == made
        assert file.read_bytes() == whole
    spoken(("en", "it"), file)
    assert asked.call_count == 6, "each time made anew, for other languages too"
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    file.unlink()
    file.mkdir()
    assert spoken(LANGUAGES, file) == made, "what cannot be kept can be used"
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_another_script_is_neither() -> None:
    cut = spoken(LANGUAGES)
    assert all(cut.classify(text)[1] < SURE for text in ELSEWHERE)


def test_short_words_change_nothing() -> None:
    assert language_of("hello, is anybody there at all?", "it", "it_IT", LANGUAGES) == "en"
    assert language_of("ok", "it", "en_US", LANGUAGES) == "it"
    assert language_of("ok", None, "en_US", LANGUAGES) == "en"
    assert language_of("buongiorno, vorrei cambiare tariffa", None, "", ("en",)) == "en"


def test_what_only_a_moment_needs_is_not_in_memory_for_good() -> None:
    heavy = {"numpy", "py3langid", "alembic"}
    code = f"import sys, bot.__main__; print(*({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
