"""The intent engine's contract with Rasa: training, storing, loading, odd texts, calibration, abstention.

It needs Rasa's Python: tests/intents_probe.py does the work there, once, and its answer is judged here.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from engine.processor import kind_of

ROOT = Path(__file__).resolve().parent.parent
FALLBACK = "nlu_fallback"
#: Small, and with two topics that come close to each other.
EXAMPLES = {
    "store_hours": [
        "a che ora aprite?", "quando chiude il negozio", "orari di apertura", "siete aperti la domenica?",
        "fino a che ora posso venire", "il sabato fate orario continuato?", "what time do you open", "opening hours",
        "are you open on sunday", "aperti a natale?", "che orario fate oggi", "when does the shop close",
    ],
    "find_store": [
        "dove siete?", "il negozio più vicino", "avete un negozio a Milano", "indirizzo del punto vendita",
        "come arrivo da voi", "where is your shop", "nearest store", "c'è una vostra sede a Bari?",
        "in che via siete", "store address please", "negozi in zona", "do you have a shop in Rome",
    ],
    "request_pin": [
        "mi serve il pin", "ho perso il puk", "pin dimenticato", "la sim chiede il puk", "I need my PIN",
        "forgot my pin code", "come recupero il codice pin", "non ricordo il pin dell'area clienti",
        "my sim card is locked, puk?", "codice puk", "mandatemi un nuovo pin", "lost the pin of my sim",
    ],
    "ask_human": [
        "voglio parlare con una persona", "operatore", "passami qualcuno", "I want to talk to a person",
        "c'è un essere umano?", "human please", "parlare con un operatore", "mi fate chiamare da qualcuno?",
        "agent", "can somebody call me", "non voglio parlare con un bot", "a real person please",
    ],
    FALLBACK: ["che tempo fa domani", "ricetta della carbonara", "tell me a joke about cats", "who won the match"],
}
SURE = {
    "a che ora aprite domani?": "store_hours", "I forgot my PIN": "request_pin",
    "fammi parlare con un umano": "ask_human",
}
#: Manners and a question, manners alone, and manners beside what nobody understands.
POLITE = {
    "Buongiorno, scusi il disturbo, a che ora aprite? Grazie mille": "store_hours",
    "ciao dove siete": "find_store", "Good morning!! 😊 I forgot my PIN, thank you very much": "request_pin",
    "salve\nho perso il puk": "request_pin",
    "buongiorno": "greet", "Ciao, salve, buongiorno": "greet", "grazie mille, a posto così": "thank",
    "buongiorno, suono il violino da dieci anni": FALLBACK,
}
STRANGE = ["the volcano erupted in 1832", "suono il violino da dieci anni", "la capitale della Mongolia", "qqq zzz kkk"]


@pytest.fixture(scope="module")
def probe() -> dict[str, Any]:
    """What the components answered."""
    pairs = [(text, intent) for intent, texts in EXAMPLES.items() for text in texts]
    done = subprocess.run(
        [ROOT / ".venv-engine/bin/python", "-W", "ignore", ROOT / "tests/intents_probe.py",
         json.dumps([*SURE, *STRANGE]), json.dumps([*POLITE])],
        input=json.dumps(pairs), capture_output=True, text=True, cwd=ROOT, timeout=500,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3",
             "SQLALCHEMY_SILENCE_UBER_WARNING": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_vectors_have_length_one_and_the_same_text_the_same_vector(probe: dict[str, Any]) -> None:
    assert probe["lengths"] == pytest.approx([1, 1, 1], abs=1e-5)
    assert probe["equal"]


def test_a_stored_model_holds_numbers_and_words_and_no_pickle(probe: dict[str, Any]) -> None:
    assert probe["shipped"]["files"] == ["intents.json", "intents.npz"]
    assert probe["shipped"]["pickled"] == []


def test_training_twice_gives_the_same_model(probe: dict[str, Any]) -> None:
    assert probe["shipped"]["same"]


def test_the_fingerprint_follows_the_settings(probe: dict[str, Any]) -> None:
    first, same, other = probe["fingerprints"]
    assert first == same != other


@pytest.mark.parametrize(("text", "topic"), SURE.items())
def test_a_clear_question_is_understood_in_both_languages(probe: dict[str, Any], text: str, topic: str) -> None:
    parsed = probe["shipped"]["parsed"][text]
    assert parsed["intent"]["name"] == topic
    assert parsed["intent"] == parsed["intent_ranking"][0]


@pytest.mark.parametrize("text", STRANGE)
def test_what_is_out_of_scope_is_abstained_from(probe: dict[str, Any], text: str) -> None:
    assert probe["shipped"]["parsed"][text]["intent"]["name"] == FALLBACK


@pytest.mark.parametrize(("text", "topic"), POLITE.items(), ids=[text[:30] for text in POLITE])
def test_manners_are_answered_only_when_nothing_else_is_said(probe: dict[str, Any], text: str, topic: str) -> None:
    assert probe["polite"][text]["name"] == topic


def test_every_odd_text_gets_a_whole_answer(probe: dict[str, Any]) -> None:
    topics = set(EXAMPLES) - {FALLBACK}
    for name, parsed in probe["shipped"]["odd"].items():
        ranking = [one for one in parsed["intent_ranking"] if one["name"] != FALLBACK]
        assert {one["name"] for one in ranking} == topics, name
        assert sum(one["confidence"] for one in ranking) == pytest.approx(1, abs=1e-4), name
        confidences = [one["confidence"] for one in ranking]
        assert confidences == sorted(confidences, reverse=True), name


def test_a_sign_that_stands_for_a_sentence_makes_no_text_longer(probe: dict[str, Any]) -> None:
    """Eighteen letters each, the engine spends seconds on them, and is taken to hang: nobody else is answered then."""
    assert max(probe["spelled out"]) <= 1000


@pytest.mark.parametrize("name", ["empty", "blank", "null"])
def test_nothing_said_is_not_understood(probe: dict[str, Any], name: str) -> None:
    intent = probe["shipped"]["odd"][name]["intent"]
    assert (intent["name"], intent["outcome"], intent["candidates"]) == (FALLBACK, "unsure", [])


def test_a_fallback_says_why_and_heads_the_ranking(probe: dict[str, Any]) -> None:
    for parsed in [*probe["shipped"]["odd"].values(), *probe["shipped"]["parsed"].values()]:
        intent, ranking = parsed["intent"], parsed["intent_ranking"]
        assert intent["name"] == ranking[0]["name"]
        if intent["name"] == FALLBACK:
            likeliest = [one["name"] for one in ranking[1:3]]
            assert intent["candidates"] == (likeliest if intent["outcome"] == "close" else [])


def test_a_bot_with_hardly_any_examples_works(probe: dict[str, Any]) -> None:
    small = probe["small"]
    assert small["none"]["intent"]["name"] == FALLBACK and len(small["none"]["intent_ranking"]) == 1
    assert small["one topic"]["intent"] == {"name": "greet", "confidence": 1.0}
    assert small["one example"]["intent"]["name"] == "greet"
    assert small["single"]["intent"]["name"] == "greet"
    assert {one["name"] for one in small["no text"]["intent_ranking"]} >= {"greet", "store_hours"}


def test_refusing_more_raises_the_limit(probe: dict[str, Any]) -> None:
    usual, strict = probe["shipped"]["limits"]
    assert usual < strict


def test_calibration_finds_the_temperature_and_the_shares(probe: dict[str, Any]) -> None:
    found = probe["calibration"]
    assert found["temperature"] == pytest.approx(0.3, abs=0.03)
    assert found["sure"] == pytest.approx(0.05, abs=0.02)
    assert 0 < found["close"] < 0.5


def test_what_a_topic_is_called_counts_unless_it_misleads(probe: dict[str, Any]) -> None:
    topics, sentences = len(EXAMPLES) - 1, sum(len(texts) for name, texts in EXAMPLES.items() if name != FALLBACK)
    assert probe["names"]["beside"] == {"own": [topics, topics, sentences], "another's": [0, 0, sentences]}
    assert probe["names"]["spoken"] == ["find store", "support app name", "perché", "17"]


def test_the_closed_solution_is_the_plain_one(probe: dict[str, Any]) -> None:
    assert max(probe["equations"]) < 1e-3


def test_the_quick_importer_reads_what_rasas_own_reads(probe: dict[str, Any]) -> None:
    ours, rasas = probe["reading"]
    assert ours[:4] == rasas[:4]
    assert ours[3] > 10
    assert (ours[4], rasas[4]) == (["Example"], ["Message"])


def test_a_processor_is_known_by_what_it_can_do() -> None:
    new = "processor\t: 0\nmodel\t\t: 207\nflags\t\t: fpu sse2 fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"
    assert kind_of(new) == "SKYLAKEX"
    assert kind_of(new.replace(" avx512vl", "")) == "HASWELL"
    assert kind_of("flags\t\t: fpu sse2 avx\n") is None
    assert kind_of("Features\t: fp asimd aes\n") is None
