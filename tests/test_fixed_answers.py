"""Which answers need no engine: read from the content as an editor writes it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT

DOMAIN = """
responses:
  utter_plain:
    - {text: "Hello", condition: [{type: slot, name: language, value: en}]}
    - {text: "Ciao", buttons: [{title: "Domenica", payload: '/store_hours{{"day": "domenica"}}'}]}
  utter_named: [{text: "Ciao {name}"}]
  utter_button: [{text: "Ciao", buttons: [{title: "x", payload: '/x{{"a": "{name}"}}'}]}]
  utter_vip:
    - {text: "Bentornato", condition: [{type: slot, name: vip, value: true}]}
    - {text: "Ciao"}
  utter_only_english: [{text: "Hello", condition: [{type: slot, name: language, value: en}]}]
"""
STORIES = """
rules:
  - {rule: a, steps: [{intent: plain}, {action: utter_plain}]}
  - {rule: b, steps: [{intent: named}, {action: utter_named}]}
  - {rule: c, steps: [{intent: button}, {action: utter_button}]}
  - {rule: d, steps: [{intent: vip}, {action: utter_vip}]}
  - {rule: e, steps: [{intent: english}, {action: utter_only_english}]}
  - {rule: f, steps: [{intent: looked_up}, {action: action_look_up}]}
  - {rule: g, metadata: {without_engine: utter_plain}, steps: [{intent: chosen}, {action: action_choose}]}
  - {rule: h, condition: [{active_loop: form}], steps: [{intent: in_form}, {action: utter_plain}]}
  - {rule: i, steps: [{intent: two}, {action: utter_plain}, {action: utter_vip}]}
  - {rule: j, steps: [{intent: told, entities: [town]}, {action: utter_plain}]}
"""
HELLO = {"text": "Ciao", "buttons": [{"title": "Domenica", "payload": '/store_hours{"day": "domenica"}'}]}


def fixed(root: Path, out: Path) -> dict[str, object]:
    command = [str(ROOT / ".venv-engine/bin/python"), "-m", "engine.answers", str(out / "m.tar.gz")]
    subprocess.run(command, cwd=root, env={"PYTHONPATH": str(ROOT)}, check=True)
    answers: dict[str, object] = json.loads((out / "m.answers.json").read_text("utf-8"))
    return answers


def test_plain_answers_and_those_an_editor_names(tmp_path: Path) -> None:
    for folder, text in (("domain", DOMAIN), ("stories", STORIES)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yml").write_text(text)
    hello = {"": HELLO, "en": {"text": "Hello"}}
    assert fixed(tmp_path, tmp_path) == {"/plain": hello, "/chosen": hello}


@pytest.mark.parametrize("payload", ["/greet", "/thank", "/goodbye", "/ask_bot", "/inform"])
def test_the_products_small_talk_needs_no_engine(payload: str, tmp_path: Path) -> None:
    answer = fixed(ROOT, tmp_path)[payload]
    assert isinstance(answer, dict) and set(answer) == {"", "en"}
