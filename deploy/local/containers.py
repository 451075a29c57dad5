"""The same platform in containers, by docker-compose.yml, where an engine answers and the images are present."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import httpx

from deploy.local.development_secrets import ensure_secrets
from deploy.local.errors import LocalError
from deploy.local.layout import CHECKOUT, Layout
from deploy.local.services import FRONT_DOOR, SANDBOX

_COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
_FRONT_DOOR_PORT = 8000
_SANDBOX_PORT = 8010
_ANSWER_LIMIT_S = 30
_UP_LIMIT_S = 300
SPEAKER = "contracts"
"""The container in which `tranche` itself runs a command that needs the inside: any of ours has it."""


@dataclass(frozen=True)
class Compose:
    """One platform as a compose project; its name comes from the root, so that two checkouts do not share one."""

    layout: Layout

    @property
    def project(self) -> str:
        return f"tranche-{hashlib.sha256(str(self.layout.root).encode()).hexdigest()[:8]}"

    @property
    def front_door(self) -> str:
        """Where the front door is published."""
        return f"http://localhost:{self._ports()[FRONT_DOOR]}"

    def is_up(self) -> bool:
        """Whether `up` was said here and `down` was not."""
        return self._mark.exists()

    def up(self) -> None:
        """Start all containers and wait until the front door is ready. Raises LocalError saying why not."""
        why_not = self.why_not()
        if why_not:
            raise LocalError(f"containers cannot be used: {why_not}; without --containers local processes are")
        self._ports()
        self._mark.write_text(f"{self.project}\n")
        done = self._compose("up", "--detach", timeout_s=_UP_LIMIT_S)
        if done.returncode != 0:
            raise LocalError(f"compose up failed: {_last_line(done.stderr)} (`tranche down` stops the rest)")
        give_up = time.monotonic() + _UP_LIMIT_S
        while not self._answers():
            if time.monotonic() > give_up:
                raise LocalError(f"the front door is not ready after {_UP_LIMIT_S} s: see `tranche status`")
            time.sleep(0.5)

    def down(self) -> None:
        """Stop and remove the containers; their volumes stay."""
        self._down()

    def remove(self) -> None:
        """Stop and remove the containers and their volumes, data and all."""
        self._down("--volumes")

    def status(self) -> str:
        """What runs, as compose tells it."""
        return self._compose("ps", timeout_s=_ANSWER_LIMIT_S).stdout

    def inside(self, *words: str, service: str = SPEAKER, alone: bool = False) -> int:
        """Run `tranche WORDS` inside, where Kafka and the clock are; prints as it goes and returns its exit code.

        `alone`: in a container made for it, with the service's settings, while the service itself is stopped.
        """
        way = ["run", "--rm", "--no-deps", "-T", service] if alone else ["exec", "-T", service, "python", "-m"]
        command = [*self._command, *way, "deploy.local.cli", *words]
        return subprocess.run(command, cwd=CHECKOUT, env=self._environment(), check=False).returncode

    def why_not(self) -> str:
        """Why the platform cannot run in containers here; empty when it can."""
        if not _COMPOSE_FILE.exists():
            return f"{_COMPOSE_FILE.name} is not in this checkout"
        if trouble := engine_trouble():
            return trouble
        if not compose_command():
            return "docker compose is not installed (apt-get install docker-compose-v2, or docker-compose)"
        shown = self._compose("config", timeout_s=_ANSWER_LIMIT_S)
        if shown.returncode != 0:
            return _last_line(shown.stderr)
        missing = missing_images(sorted(set(re.findall(r"^\s+image:\s*[\"']?([^\s\"']+)", shown.stdout, re.MULTILINE))))
        return f"missing images {', '.join(missing)} (docker compose build, docker compose pull)" if missing else ""

    @property
    def _mark(self) -> Path:
        return self.layout.root / "compose"

    @cached_property
    def _command(self) -> list[str]:
        return [*compose_command(), "--file", str(_COMPOSE_FILE), "--project-name", self.project]

    def _ports(self) -> dict[str, int]:
        ports = self.layout.ports()
        preferred = {FRONT_DOOR: _FRONT_DOOR_PORT, SANDBOX: _SANDBOX_PORT}
        return {name: ports.ensure(name, running=self.is_up(), preferred=port) for name, port in preferred.items()}

    def _environment(self) -> dict[str, str]:
        ports = self._ports()
        return {
            **ensure_secrets(self.layout.secrets),
            **os.environ,
            "TRANCHE_FRONT_DOOR_PORT": str(ports[FRONT_DOOR]),
            "TRANCHE_SANDBOX_PORT": str(ports[SANDBOX]),
        }

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.front_door}/health/ready", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _down(self, *options: str) -> None:
        done = self._compose("down", "--timeout", "30", *options, timeout_s=_UP_LIMIT_S)
        if done.returncode != 0:
            raise LocalError(f"compose down failed: {_last_line(done.stderr)}")
        self._mark.unlink(missing_ok=True)

    def _compose(self, *arguments: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
        return _run([*self._command, *arguments], timeout_s, self._environment())


def engine_trouble() -> str:
    """Why no container engine can be used here, in a few words; empty when one answers."""
    if shutil.which("docker") is None:
        return "docker is not installed (apt-get install docker.io)"
    if _run(["docker", "info"], _ANSWER_LIMIT_S).returncode != 0:
        return "no container engine answers (is the docker daemon running?)"
    return ""


def compose_command() -> list[str]:
    """The compose command of this machine: docker's plugin, or Debian's separate program; empty when neither is."""
    if _run(["docker", "compose", "version"], _ANSWER_LIMIT_S).returncode == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def missing_images(images: Sequence[str]) -> list[str]:
    """Those of `images` that the engine does not have."""
    return [image for image in images if _run(["docker", "image", "inspect", image], _ANSWER_LIMIT_S).returncode != 0]


def _run(command: list[str], timeout_s: float, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", f"{command[0]} does not answer: {type(error).__name__}")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
