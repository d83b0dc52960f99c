"""The test conversations in tests/content/, played by `rasa test` against the trained model.

Rasa compares intents and the names of the actions; what the actions answer is tested in tests/actions/.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.training import Content

ROOT = Path(__file__).resolve().parent.parent
CONVERSATIONS = ROOT / "tests" / "content"
#: A conversation that must fail: if it passes, this test would let anything through.
CANARY = """
version: "3.1"
stories:
  - story: canary
    steps:
      - user: |
          grazie mille
        intent: complaint
      - action: action_complaint
"""


@pytest.fixture(scope="module")
def model() -> Path:
    """The model of the content as it is now; trained first if the content changed."""
    here = {**os.environ, "DATA_DIR": ""}
    subprocess.run([sys.executable, "-m", "bot.children", "train"], cwd=ROOT, env=here, check=True, capture_output=True)
    return Content(ROOT, ROOT / "data").model()


def test_the_model_gets_every_test_conversation_right(model: Path, tmp_path: Path) -> None:
    stories, results = tmp_path / "stories", tmp_path / "results"
    stories.mkdir()
    for path in CONVERSATIONS.glob("*.yml"):
        # Rasa takes only files with this prefix for test conversations.
        shutil.copy(path, stories / f"test_{path.name}")
    (stories / "test_canary.yml").write_text(CANARY, encoding="utf-8")
    told = subprocess.run(
        [
            str(ROOT / ".venv-engine" / "bin" / "python"), "-W", "ignore", "-m", "rasa", "test", "core", "--e2e",
            "--stories", str(stories), "--model", str(model), "--out", str(results), "--no-plot",
            "--endpoints", str(ROOT / "endpoints.yml"),
        ],
        cwd=ROOT,
        env={
            **os.environ, "PYTHONPATH": str(ROOT), "RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3",
            "ACTIONS_URL": "http://127.0.0.1:9/webhook", "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
        },
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-3000:]
    failed = (results / "failed_test_stories.yml").read_text(encoding="utf-8")
    names = [story["story"].split(" (")[0] for story in (yaml.safe_load(failed) or {}).get("stories", [])]
    assert names == ["canary"], failed
    played = json.loads((results / "story_report.json").read_text(encoding="utf-8"))["conversation_accuracy"]["total"]
    assert played == 1 + sum(len(stories_in(path)) for path in CONVERSATIONS.glob("*.yml"))


def stories_in(path: Path) -> list[object]:
    """The conversations of one file."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["stories"])
