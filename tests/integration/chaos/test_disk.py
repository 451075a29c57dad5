"""A small filesystem can be filled to the last byte and relieved again, and goes when its root goes."""

import errno
import os
from pathlib import Path

import pytest

from tests.chaos import disk
from tests.platform.local import temporary_root


@pytest.fixture
def small(request: pytest.FixtureRequest) -> Path:
    root = request.getfixturevalue("root")
    folder = root / "small"
    try:
        disk.mount(folder, 8)
    except disk.NoDiskError as error:
        pytest.skip(str(error))
    return folder


@pytest.fixture
def root():  # type: ignore[no-untyped-def]
    with temporary_root() as root:
        yield root
    assert not root.exists()
    assert str(root) not in Path("/proc/self/mounts").read_text()


def test_a_full_disk_takes_nothing_more_until_it_is_relieved(small: Path) -> None:
    assert disk.fill(small) > 7 * 1_048_576
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (small / "more").write_bytes(b"1" * 8192)
    disk.relieve(small)
    (small / "more").write_bytes(b"1" * 8192)
