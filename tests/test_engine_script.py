"""deploy/engine.sh: the engines in containers are exchanged in an order in which no turn fails. Docker is played."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.engines import NAMES
from tests.conftest import ROOT

#: Writes down what it is asked, and fails where it is told to.
PLAYED = """#!/bin/sh
echo "$(basename "$0") $*" >> "$TOLD"
case "$*" in
*"${FAILS:-nothing fails}"*) exit 1 ;;
esac
"""
BESIDE = "docker compose --profile next up -d --wait engine-next"
TRIED = (
    f"docker compose run --rm --no-deps -T -v {ROOT}/tests/content:/app/tests/content:ro bot "
    "python -m bot engine try http://engine-next:5005"
)
TAKES_OVER = "docker compose up -d --wait engine"
AWAY = "docker compose --profile next stop engine-next"
SERVED = "docker tag sportello-engine sportello-engine:served"
RESTORED = "docker tag sportello-engine:served sportello-engine"
KEPT = "docker tag sportello-engine:served sportello-engine:before"


def run(tmp_path: Path, *words: str, fails: str = "nothing fails") -> tuple[int, list[str]]:
    """The script's exit code, and what was asked of docker, with the pauses between."""
    for program in ("docker", "sleep"):
        file = tmp_path / program
        file.write_text(PLAYED)
        file.chmod(0o755)
    told = tmp_path / "told"
    told.write_text("")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TOLD": str(told), "FAILS": fails}
    done = subprocess.run(["sh", str(ROOT / "deploy/engine.sh"), *words], env=env, capture_output=True, text=True)
    return done.returncode, told.read_text().splitlines()


def test_a_new_model_is_tried_beside_the_old_one_and_takes_over(tmp_path: Path) -> None:
    code, told = run(tmp_path, "swap")
    build = "docker compose build engine"
    assert code == 0
    assert told == [SERVED, build, BESIDE, TRIED, "sleep 10", TAKES_OVER, "sleep 10", KEPT, AWAY]
    assert NAMES < 10, "bots know the engines anew after each pause"


@pytest.mark.parametrize("fails", ["build", "up -d --wait engine-next", "engine try"])
def test_what_fails_before_leaves_the_old_one_in_service(tmp_path: Path, fails: str) -> None:
    code, told = run(tmp_path, "swap", fails=fails)
    assert code == 1 and TAKES_OVER not in told and KEPT not in told
    assert told[-2:] == [RESTORED, AWAY]


def test_a_new_one_that_does_not_start_gives_way_to_the_old_one(tmp_path: Path) -> None:
    code, told = run(tmp_path, "swap", fails="compose up -d --wait engine")
    assert code == 1 and told[-4:] == [RESTORED, TAKES_OVER, "sleep 10", AWAY] and KEPT not in told


def test_a_refused_model_is_taken_where_that_is_wanted(tmp_path: Path) -> None:
    code, told = run(tmp_path, "swap", "--anyway", fails="engine try")
    assert code == 0 and TAKES_OVER in told and told[-2:] == [KEPT, AWAY]


def test_back_is_one_command_and_forward_again_the_same(tmp_path: Path) -> None:
    code, told = run(tmp_path, "back")
    there, taken = "docker image inspect sportello-engine:before", "docker tag sportello-engine:before sportello-engine"
    assert code == 0
    assert told == [there, SERVED, taken, BESIDE, "sleep 10", TAKES_OVER, "sleep 10", KEPT, AWAY]
    code, told = run(tmp_path, "back", fails="image inspect")
    assert code == 1 and told == [there], "nothing was exchanged before"


def test_how_it_is_used_is_said(tmp_path: Path) -> None:
    for words in ((), ("sideways",)):
        assert run(tmp_path, *words) == (2, [])


def test_it_names_what_the_compose_file_has() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    text = (ROOT / "deploy/engine.sh").read_text()
    assert services["engine"]["image"] == services["engine-next"]["image"] == "sportello-engine"
    assert "IMAGE=sportello-engine\n" in text and "http://engine-next:5005" in text
    assert list((ROOT / "tests/content").glob("*.yml")), "and they are looked for where they are put:"
    assert '"tests" / "content"' in (ROOT / "bot/operations/engines.py").read_text()
    assert "WORKDIR /app\n" in (ROOT / "deploy/bot.Dockerfile").read_text()
    assert services["engine-next"]["profiles"] == ["next"] and "engine" in str(services["engine-next"]["networks"])
