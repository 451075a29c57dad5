"""The same platform in containers, by docker-compose.yml, where an engine answers and the images are present."""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.development_secrets import ensure_secrets
from deploy.local.errors import LocalError
from deploy.local.layout import CHECKOUT, Layout

_COMPOSE_FILE = CHECKOUT / "docker-compose.yml"
_ENGINE_LIMIT_S = 20
_UP_LIMIT_S = 300


@dataclass(frozen=True)
class Compose:
    """One platform as a compose project; its name comes from the root, so that two checkouts do not share one."""

    layout: Layout

    @property
    def project(self) -> str:
        return f"tranche-{hashlib.sha256(str(self.layout.root).encode()).hexdigest()[:8]}"

    def is_up(self) -> bool:
        """Whether `up` was said here and `down` was not."""
        return self._mark.exists()

    def up(self) -> None:
        """Start all containers and wait until they are healthy. Raises LocalError saying why not."""
        why_not = self.why_not()
        if why_not:
            raise LocalError(f"containers cannot be used: {why_not}; without --containers local processes are")
        self.layout.root.mkdir(parents=True, exist_ok=True)
        self._mark.write_text(f"{self.project}\n")
        done = self._compose("up", "--detach", "--wait", timeout_s=_UP_LIMIT_S)
        if done.returncode != 0:
            raise LocalError(f"docker compose up failed: {_last_line(done.stderr)} (`tranche down` stops the rest)")

    def down(self) -> None:
        """Stop and remove the containers; their volumes stay."""
        done = self._compose("down", timeout_s=_UP_LIMIT_S)
        if done.returncode != 0:
            raise LocalError(f"docker compose down failed: {_last_line(done.stderr)}")
        self._mark.unlink(missing_ok=True)

    def status(self) -> str:
        """What runs, as docker compose tells it."""
        return self._compose("ps", timeout_s=_ENGINE_LIMIT_S).stdout

    def why_not(self) -> str:
        """Why the platform cannot run in containers here; empty when it can."""
        if not _COMPOSE_FILE.exists():
            return f"{_COMPOSE_FILE.name} is not in this checkout"
        engine = engine_trouble()
        if engine:
            return engine
        named = self._compose("config", "--images", timeout_s=_ENGINE_LIMIT_S)
        if named.returncode != 0:
            return _last_line(named.stderr)
        missing = missing_images(named.stdout.split())
        return f"missing images {', '.join(missing)} (docker compose build, docker compose pull)" if missing else ""

    @property
    def _mark(self) -> Path:
        return self.layout.root / "compose"

    def _compose(self, *arguments: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
        ensure_secrets(self.layout.secrets)
        return _run(
            [
                "docker",
                "compose",
                "--file",
                str(_COMPOSE_FILE),
                "--project-name",
                self.project,
                "--env-file",
                str(self.layout.secrets),
                *arguments,
            ],
            timeout_s,
        )


def engine_trouble() -> str:
    """Why no container engine can be used here, in a few words; empty when one answers."""
    if shutil.which("docker") is None:
        return "docker is not installed (apt-get install docker.io docker-compose-v2)"
    if _run(["docker", "info"], _ENGINE_LIMIT_S).returncode != 0:
        return "no container engine answers (is the docker daemon running?)"
    return ""


def missing_images(images: list[str]) -> list[str]:
    """Those of `images` that the engine does not have."""
    return [image for image in images if _run(["docker", "image", "inspect", image], _ENGINE_LIMIT_S).returncode != 0]


def _run(command: list[str], timeout_s: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer in {timeout_s:.0f} s")


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
