"""Damage as disks, editors and half-done copies leave it; the same kinds for every file that is tried."""

import shutil
from collections.abc import Callable
from pathlib import Path


def cut_to_half(file: Path) -> None:
    """As after a copy that was broken off."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def empty(file: Path) -> None:
    """As after a full disk."""
    file.write_bytes(b"")


def write_over(file: Path) -> None:
    """Nothing of what was there."""
    file.write_bytes(bytes(range(7, 247)) * (file.stat().st_size // 240 + 1))


def write_over_inside(file: Path) -> None:
    """The ends are as they were: only who reads it sees it."""
    content = bytearray(file.read_bytes())
    begin, end = 4, max(len(content) // 3, 40)
    content[begin:end] = bytes(0xA5 for _ in range(end - begin))
    file.write_bytes(content)


def replace_by_a_folder(file: Path) -> None:
    """What DuckDB's patterns leave out without a word."""
    file.unlink()
    file.mkdir()
    (file / "x").write_bytes(b"x")


# All but the one inside are seen without reading the whole file.
PLAIN: dict[str, Callable[[Path], None]] = {
    function.__name__: function for function in (cut_to_half, empty, write_over, replace_by_a_folder)
}
ALL = PLAIN | {write_over_inside.__name__: write_over_inside}


def remove(path: Path) -> None:
    """The file, or the folder in its place."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
