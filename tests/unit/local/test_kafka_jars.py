"""Only the pinned jars are run."""

import hashlib
from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.kafka import verify

PINNED = f"{hashlib.sha256(b'broker').hexdigest()}  kafka.jar\n"


def test_the_pinned_jars_pass(tmp_path: Path) -> None:
    (tmp_path / "kafka.jar").write_bytes(b"broker")
    verify(tmp_path, PINNED)


def test_a_changed_jar_stops(tmp_path: Path) -> None:
    (tmp_path / "kafka.jar").write_bytes(b"something else")
    with pytest.raises(LocalError, match=r"kafka\.jar is not the jar that we pinned"):
        verify(tmp_path, PINNED)


def test_a_missing_jar_stops(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"kafka\.jar is missing"):
        verify(tmp_path, PINNED)


def test_a_jar_that_was_not_pinned_stops(tmp_path: Path) -> None:
    (tmp_path / "kafka.jar").write_bytes(b"broker")
    (tmp_path / "extra.jar").write_bytes(b"broker")
    with pytest.raises(LocalError, match=r"extra\.jar is not a jar that we pinned"):
        verify(tmp_path, PINNED)
