"""docker-compose.yml and the images: all they name exists, and the very commands of the images serve.

No Docker engine is needed: the images' final stages are laid out in a folder, their commands run there with the
environments of this project, and their health checks are asked.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml

from bench.postgres import Postgres
from bot.between.link import Link
from bot.flow.deliver import LEASE
from bot.pair import children_env
from bot.settings import SECRETS, read_settings
from bot.training import Content, train, train_command
from tests.conftest import free_port
from tests.databases import empty

ROOT = Path(__file__).resolve().parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("bot", "engine", "actions")
FILES = {"bot": "bot", "engine": "engine", "actions": "engine"}
#: The environment of this project that stands for the image's.
PYTHONS = {"bot": Path(sys.executable), "engine": ROOT / ".venv-engine/bin/python"}
PYTHONS["actions"] = PYTHONS["engine"]


@dataclass
class Stage:
    """One stage of a Dockerfile, with what it has from the stage it begins with."""

    name: str
    base: str
    env: dict[str, str] = field(default_factory=dict)
    copies: list[tuple[str, list[str], str]] = field(default_factory=list)  # (from stage, sources, target)
    runs: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    user: str = ""
    exposed: list[str] = field(default_factory=list)
    workdir: str = "/"


def stages(file: str) -> dict[str, Stage]:
    """The stages of deploy/<file>.Dockerfile by name; the last one also as ""."""
    text = re.sub(r"^#.*\n", "", (ROOT / f"deploy/{file}.Dockerfile").read_text(), flags=re.MULTILINE)
    found: dict[str, Stage] = {}
    stage = Stage("", "")
    for line in text.replace("\\\n", " ").splitlines():
        verb, _, rest = line.strip().partition(" ")
        words = shlex.split(rest) if rest and not rest.startswith("[") else []
        if verb == "FROM":
            before = found.get(words[0])
            name = words[2] if len(words) > 1 else ""
            inherited = (dict(before.env), list(before.copies), list(before.runs)) if before else ({}, [], [])
            stage = Stage(name, words[0], *inherited, workdir=before.workdir if before else "/")
            found[name] = found[""] = stage
        elif verb == "ENV":
            stage.env |= dict(word.split("=", 1) for word in words)
        elif verb == "COPY":
            source = words.pop(0).removeprefix("--from=") if words[0].startswith("--from=") else ""
            stage.copies.append((source, words[:-1], words[-1]))
        elif verb == "RUN":
            stage.runs.append(rest)
        elif verb == "CMD":
            stage.command = json.loads(rest)
        elif verb == "USER":
            stage.user = words[0]
        elif verb == "EXPOSE":
            stage.exposed += words
        elif verb == "WORKDIR":
            stage.workdir = words[0]
        else:
            assert verb in ("", "STOPSIGNAL"), f"{file}: {verb} is not read here"
    return found


def image(name: str) -> Stage:
    """The final stage of a service's image."""
    return stages(FILES[name])[SERVICES[name]["build"].get("target", "")]


def environment(name: str) -> dict[str, str]:
    """What a service's process finds in its environment; variables of .env at their defaults."""
    given = {key: re.sub(r"\$\{\w+:-(.*?)\}", r"\1", str(value)) for key, value in _given(name).items()}
    return {**image(name).env, **given}


def _given(name: str) -> dict[str, Any]:
    return SERVICES[name].get("environment", {})


# What is named exists.


def test_debians_docker_compose_takes_it(tmp_path: Path) -> None:
    """Its own judge; a misspelt key, an unknown condition or a missing network ends it."""
    if not shutil.which("docker-compose"):
        pytest.skip("no docker-compose here: apt-get install docker-compose")
    command = ["docker-compose", "--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml")]
    done = subprocess.run([*command, "--profile", "tls", "config"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and "WARN" not in done.stderr, done.stderr
    assert set(yaml.safe_load(done.stdout)["services"]) == set(SERVICES)


@pytest.mark.parametrize("file", ["bot", "engine", "caddy"])
def test_the_linter_has_nothing_to_say(file: str) -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if not linter:
        pytest.skip("no hadolint here: make setup-dev")
    done = subprocess.run([linter, f"deploy/{file}.Dockerfile"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_caddy_takes_its_file() -> None:
    if not shutil.which("caddy"):
        pytest.skip("no caddy here: apt-get install caddy")
    command = ["caddy", "adapt", "--config", "deploy/Caddyfile", "--adapter", "caddyfile", "--validate"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, "SITE": "x.example"})
    assert done.returncode == 0, done.stderr


def test_caddy_lets_pass_what_the_bot_serves_to_the_world() -> None:
    text = (ROOT / "deploy/Caddyfile").read_text()
    paths = {path for line in re.findall(r"^\t@\w+ path (.*)$", text, re.MULTILINE) for path in line.split()}
    assert paths == {"/webhooks/*", "/desk", "/desk/*", "/people/*"}
    served = "".join(file.read_text() for file in (ROOT / "bot").rglob("*.py"))
    for part in ("/webhooks/", '"/desk"', "/people/"):
        assert part in served
    assert re.findall(r"dynamic a (\S+) (\d+)", text) == [("bot", environment("bot")["PORT"])]
    assert text.count("reverse_proxy") == text.count("import bots") == 3, "each finds all the bots there are"


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_read_by_somebody(name: str) -> None:
    """By the product's own code, or by the libraries it runs in: then their names are listed here."""
    libraries = {"PATH", "HOME", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}
    code = (ROOT / "bot/settings.py").read_text()
    if name != "bot":
        libraries |= set(_children_env())
        files = ("endpoints.yml", "engine/turn.py", "actions/backends/lines.py")
        code = "".join((ROOT / file).read_text() for file in files)
    for variable in environment(name):
        word = variable.removesuffix("_FILE")
        assert variable in libraries or re.search(rf"\b{word}\b", code), variable
        assert variable == word or word in SECRETS


def _children_env() -> dict[str, str]:
    return children_env(ROOT, 5055, {})


def test_the_engine_runs_as_it_does_for_a_developer() -> None:
    """What bot/pair.py gives its children, the images give too; only addresses differ."""
    children = {key: value for key, value in _children_env().items() if key not in ("PYTHONPATH", "ACTIONS_URL")}
    assert children.pop("SANIC_HOST") == "127.0.0.1" and image("engine").env["SANIC_HOST"] == "0.0.0.0"
    del children["RASA_MAX_CACHE_SIZE"]  # of training, and an image starts without a cache
    assert children.items() <= image("engine").env.items()


def test_the_model_is_trained_with_the_developers_command() -> None:
    trained = [run for run in stages("engine")["model"].runs if '"train"' in run]
    words = json.loads(trained[0])
    assert words[2:] == train_command(Path("/models"), "model")
    content = {source for _, sources, _ in stages("engine")["model"].copies for source in sources}
    assert {"config.yml", "domain", "nlu", "stories", "engine"} <= content
    assert f"{words[words.index('--out') + 1]}/{words[-1]}.tar.gz" in image("engine").command


@pytest.mark.parametrize("file", ["bot", "engine", "caddy"])
def test_every_path_in_a_dockerfile_exists_and_reaches_the_build(file: str) -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for stage in stages(file).values():
        for source_stage, sources, _ in stage.copies:
            for source in sources:
                if not source_stage:
                    assert list(ROOT.glob(source)), source
                    assert any(Path(source).match(each) or source.startswith(f"{each}/") for each in let_in), source


def test_nothing_secret_or_large_reaches_a_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "everything stays out that is not named"
    for kept_out in (".env", "secrets", "data", ".venv", ".git"):
        assert not any(line.startswith(f"!{kept_out}") for line in lines)


@pytest.mark.parametrize("name", ["bot", "engine", "caddy"])
def test_bases_are_pinned_and_environments_come_from_the_locks(name: str) -> None:
    text = (ROOT / f"deploy/{name}.Dockerfile").read_text()
    for base in re.findall(r"^FROM (\S+)", text, re.MULTILINE):
        assert base in stages(name) or re.fullmatch(r"[a-z]+:\d+\.\d+\.\d+-[a-z-]+", base), base
    for install in re.findall(r"pip install.*", text):
        assert "--require-hashes" in install and "--no-deps" in install and "://" not in install
        lock = re.search(r"/requirements/(\w+\.txt)", install)
        assert lock and (ROOT / "requirements" / lock[1]).exists()
    assert re.fullmatch(r"postgres:\d+\.\d+-[a-z]+", SERVICES["postgres"]["image"])
    assert re.fullmatch(r"redis:\d+\.\d+\.\d+-[a-z]+", SERVICES["redis"]["image"])


def test_the_actions_smaller_lock_has_the_engines_pins() -> None:
    pins = {
        name: set(re.findall(r"^[\w.-]+==\S+", (ROOT / f"requirements/{name}.txt").read_text(), re.MULTILINE))
        for name in ("actions", "engine")
    }
    assert pins["actions"] <= pins["engine"]
    known = {"rasa_sdk", "aiohttp", "holidays", "phonenumbers", "yaml", "stdnum", "rapidfuzz", "actions"}
    for file in (ROOT / "actions").rglob("*.py"):
        for module in re.findall(r"^(?:from|import) (\w+)", file.read_text(), re.MULTILINE):
            assert module in known | sys.stdlib_module_names, f"{file.name}: {module} is not in requirements/actions.in"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_locked_in(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] and service["cap_drop"] == ["ALL"] and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert int(service["user"].split(":")[0]) > 0, "never root"
    assert service["mem_limit"] and service["pids_limit"] and service["tmpfs"] and service["healthcheck"]["test"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    if name in OURS:
        assert service["user"] == image(name).user
    for volume in service.get("volumes", []):
        assert volume.split(":")[0] in COMPOSE["volumes"], "named volumes only"


def test_engine_actions_and_database_have_no_way_out() -> None:
    for name, service in SERVICES.items():
        open_ = [network for network in service["networks"] if not COMPOSE["networks"][network].get("internal")]
        assert bool(open_) == (name in ("bot", "caddy")), name
        assert ("ports" in service) == (name in ("bot", "caddy")), name
        for other in service.get("depends_on", {}):
            assert set(service["networks"]) & set(SERVICES[other]["networks"]), f"{name} cannot reach {other}"
    assert SERVICES["bot"]["ports"][0].startswith("127.0.0.1:"), "in the open only through a proxy with TLS"
    assert not set(SERVICES["engine"]["networks"]) & set(SERVICES["postgres"]["networks"])
    near = [name for name, service in SERVICES.items() if set(service["networks"]) & set(SERVICES["redis"]["networks"])]
    assert near == ["bot", "redis"]


def test_the_start_goes_by_health() -> None:
    order = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    assert order == {
        "postgres": set(),
        "actions": set(),
        "engine": {"actions"},
        "engine-next": {"actions"},
        "redis": set(),
        "bot": {"engine", "postgres", "redis"},
        "caddy": {"bot"},
    }
    for service in SERVICES.values():
        for other, wanted in service.get("depends_on", {}).items():
            # the bot does its work without Redis: a sick one must not keep it from starting
            assert wanted == {"condition": "service_started" if other == "redis" else "service_healthy"}
    assert int(SERVICES["bot"]["stop_grace_period"].removesuffix("s")) > LEASE.total_seconds()


@pytest.mark.parametrize("name", OURS)
def test_ports_of_commands_health_checks_and_neighbours_agree(name: str) -> None:
    (port,) = image(name).exposed
    assert f":{port}/" in SERVICES[name]["healthcheck"]["test"][-1]
    assert port in image(name).command or environment(name).get("PORT") == port
    for other in OURS:
        for value in environment(other).values():
            if match := re.match(rf"http://{name}:(\d+)", value):
                assert match[1] == port
    database = read_settings(environment_with_files({}), ROOT).database_url
    assert database.startswith("postgresql://sportello:") and database.endswith("@postgres:5432/sportello")


def test_secrets_are_files_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "deploy").mkdir()
    shutil.copy(ROOT / "deploy/secrets.sh", tmp_path / "deploy")
    for _ in range(2):  # the second time changes nothing
        subprocess.run(["sh", "deploy/secrets.sh"], cwd=tmp_path, check=True)
        made = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
        passwords = made["database_password"], made["redis_password"]
        assert all(re.fullmatch(r"[0-9a-f]{48}", password) for password in passwords)
        assert passwords[0] != passwords[1]
    assert (tmp_path / "secrets/database_password").read_text() == passwords[0]
    assert (tmp_path / "secrets/redis_password").read_text() == passwords[1]
    assert {f"./secrets/{name}" for name in made} == {one["file"] for one in COMPOSE["secrets"].values()}
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            assert variable not in SECRETS or "@" not in str(value) or ":" not in str(value).split("@")[0][13:]
            if variable.endswith("_FILE"):
                assert Path(value).name in service["secrets"]
    given = set(_given("bot"))
    assert {f"{name}_FILE" for name in SECRETS} - {"DATABASE_URL_FILE", "REDIS_URL_FILE"} <= given
    assert "secrets" in (ROOT / ".gitignore").read_text().replace("/", "").split()


def environment_with_files(changed: Mapping[str, str]) -> dict[str, str]:
    """The bot's environment with its secrets at hand: a password, the others empty, as secrets.sh makes them."""
    given = {key: value for key, value in environment("bot").items() if not key.endswith("_FILE")}
    return {**given, "DATABASE_PASSWORD": "geheim", **changed}


# What is named runs.


def laid_out(name: str, folder: Path) -> Path:
    """The files of a service's final stage in a folder: those of the project, none of an environment."""
    root = folder / name
    for source_stage, sources, target in image(name).copies:
        place = root / (Path(image(name).workdir) / target).relative_to("/")
        for source in [] if source_stage else [path for each in sources for path in sorted(ROOT.glob(each))]:
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
            else:
                into = place / source.name if target.endswith("/") else place
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, into)
    return root


@asynccontextmanager
async def running(name: str, folder: Path, swapped: Mapping[str, str], **env: str) -> AsyncIterator[Path]:
    """The image's very command, in its own folder, until its own health check is content.

    `swapped`: addresses and paths of a container -> those of this machine.
    """
    root = laid_out(name, folder)

    def here(text: str) -> str:
        known = sorted(swapped, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, known)), lambda found: swapped[found[0]], text)

    environ = {key: here(value) for key, value in environment(name).items() if not key.endswith("_FILE")}
    environ |= {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(root / "app"), **env}
    command = [str(PYTHONS[name]), *(here(word) for word in image(name).command[1:])]
    assert image(name).command[0] == "python"
    check = [str(PYTHONS[name]), str(root / "alive.py"), here(SERVICES[name]["healthcheck"]["test"][-1])]
    before = {path for path in root.rglob("*")}
    with (folder / f"{name}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command, cwd=root / "app", env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(300):
            while await (await asyncio.create_subprocess_exec(*check)).wait() != 0:
                assert process.returncode is None, (folder / f"{name}.log").read_text()[-3000:]
                await asyncio.sleep(0.5)
        yield root
    finally:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(30):
            await process.wait()
    assert {path for path in root.rglob("*")} == before, "it writes where a container cannot"


@asynccontextmanager
async def running_redis(folder: Path) -> AsyncIterator[tuple[str, str]]:
    """The service's very command, until its own health check is content; the address, and the password."""
    if not shutil.which("redis-server"):
        pytest.skip("no Redis here: apt-get install redis-server")
    password, port = "a1" * 24, str(free_port())
    (folder / "redis_password").write_text(password)
    swapped = {"/run/secrets": str(folder), "/tmp": str(folder), "6379": port, "$$": "$"}

    def here(words: list[str]) -> list[str]:
        return [re.sub("|".join(map(re.escape, swapped)), lambda found: swapped[found[0]], word) for word in words]

    command = here(SERVICES["redis"]["command"])
    check = here(SERVICES["redis"]["healthcheck"]["test"][1:])
    before = set(folder.iterdir())
    with (folder / "redis.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, "--bind", "127.0.0.1", stdout=log, stderr=log)
    try:
        async with asyncio.timeout(30):
            while await (await asyncio.create_subprocess_exec(*check)).wait() != 0:
                assert process.returncode is None, (folder / "redis.log").read_text()
                await asyncio.sleep(0.1)
        assert password not in Path(f"/proc/{process.pid}/cmdline").read_text()
        yield f"redis://127.0.0.1:{port}/0", password
    finally:
        process.terminate()  # heard by the server itself: no shell stands between
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    assert {path.name for path in set(folder.iterdir()) - before} >= {"redis.conf"}
    assert not list(folder.glob("*.rdb")) and not list(folder.glob("*.aof")), "nothing is kept"


async def test_redis_serves_with_its_password_only(tmp_path: Path) -> None:
    async with running_redis(tmp_path) as (url, password):
        link = Link(url.replace("//", f"//:{password}@"))
        assert await link.ask() == ""
        await link.stop()
        stranger = Link(url)
        assert await stranger.ask() == "AuthenticationError"
        await stranger.stop()
        assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0


async def test_the_images_commands_serve(tmp_path: Path, postgres: Postgres) -> None:
    """Actions, engine and bot as in the images, with PostgreSQL and Redis; then all are healthy and ready together."""
    model = await train(Content(ROOT, ROOT / "data"), python=PYTHONS["engine"], env=_children_env())
    ports = {name: str(free_port()) for name in OURS}
    swapped = {f"{name}:{image(name).exposed[0]}": f"127.0.0.1:{ports[name]}" for name in OURS}
    swapped |= {f"127.0.0.1:{image(name).exposed[0]}": f"127.0.0.1:{ports[name]}" for name in OURS}
    swapped |= {image(name).exposed[0]: ports[name] for name in OURS} | {"0.0.0.0": "127.0.0.1"}
    swapped |= {"/models/model.tar.gz": str(model), "/data": str(tmp_path / "data")}
    url = postgres.url("postgres")
    try:
        async with (
            running("actions", tmp_path, swapped),
            running("engine", tmp_path, swapped),
            running_redis(tmp_path) as (redis_url, password),
            running("bot", tmp_path, swapped, DATABASE_URL=url, REDIS_URL=redis_url, REDIS_PASSWORD=password),
        ):
            root = tmp_path / "bot"
            ready = [str(PYTHONS["bot"]), str(root / "alive.py"), f"http://127.0.0.1:{ports['bot']}/readyz"]
            assert await (await asyncio.create_subprocess_exec(*ready)).wait() == 0
            with urlopen(ready[-1], timeout=10) as answer:
                assert json.load(answer)["redis"] == "ok"
    finally:
        empty(url)
    assert "log-in" in (tmp_path / "bot.log").read_text()


def test_a_health_check_says_no(tmp_path: Path) -> None:
    check = [sys.executable, str(ROOT / "deploy/alive.py")]
    assert subprocess.run([*check, f"http://127.0.0.1:{free_port()}/healthz"]).returncode == 1
    assert subprocess.run([*check, "nonsense"]).returncode == 1


def test_the_manual_names_what_exists() -> None:
    """Commands, settings, metrics and files in docs/operations.md."""
    text = (ROOT / "docs/operations.md").read_text()
    commands = set(re.findall(r"python -m bot ([a-z-]+)", text))
    commands |= set(re.findall(r"^\| `([a-z]+)[ `]", text, re.MULTILINE))
    parsers = (ROOT / "bot/__main__.py").read_text() + (ROOT / "bot/operations/commands.py").read_text()
    known = set(re.findall(r'add_parser\("([a-z-]+)"', parsers))
    assert commands and commands <= known
    rows = "".join(re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \|", text, re.MULTILINE))
    variables = set(re.findall(r"[A-Z_]+", rows)) - {"COMPOSE_PROFILES"}
    assert variables == set(re.findall(r"\$\{(\w+):-", (ROOT / "docker-compose.yml").read_text())) - {
        "TELEGRAM_API_URL",
        "GRAPH_API_VERSION",
    }
    metrics = "".join((ROOT / f"bot/{name}.py").read_text() for name in ("measures", "health"))
    for metric in re.findall(r"sportello_\w+", text):
        assert metric.removesuffix("_total") in metrics, metric
    for file in re.findall(r"deploy/[\w.-]+", text):
        assert (ROOT / file).exists(), file
