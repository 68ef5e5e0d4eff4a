"""Small disks for tests: one that fills up, one whose power can be cut. They need root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a file system needs root")


@contextmanager
def a_small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a tmpfs of a few megabytes."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=0700"
    _run("mount", "-t", "tmpfs", "-o", options, "spoolhouse-test", str(folder))
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


class CutDisk:
    """An ext4 file system in an image; its power is cut by copying the image while it is used.

    What the copy holds is what had reached the disk: dirty pages of the file system are not in
    the image, an fsync brings them there.
    """

    def __init__(self, folder: Path, megabytes: int = 192) -> None:
        self._folder = folder
        self.image = folder / "image"
        folder.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as image:
            image.truncate(megabytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.image))

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        with _mounted(self.image, self._folder / "live") as live:
            yield live

    @contextmanager
    def after_power_cut(self) -> Iterator[Path]:
        """Copy the image as it is now, and mount the copy as the next boot would."""
        copy = self._folder / "copy"
        _run("cp", "--sparse=always", str(self.image), str(copy))
        try:
            with _mounted(copy, self._folder / "rebooted") as rebooted:
                yield rebooted
        finally:
            copy.unlink()


@contextmanager
def _mounted(image: Path, where: Path) -> Iterator[Path]:
    where.mkdir(exist_ok=True)
    _run("mount", "-o", "loop", str(image), str(where))
    try:
        yield where
    finally:
        _run("umount", "-l", str(where))


def _run(program: str, *arguments: str) -> None:
    found = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    assert found is not None, f"{program} is not installed"
    done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program}: {done.stderr}"
