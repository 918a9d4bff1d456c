"""Business results in raw: one Parquet file per imported file, replaced whole; ``raw/business_results``."""

import glob
import shutil
from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from pulse.core import parquet
from pulse.core.home import Home, path_value
from pulse.imports.contract import COLUMNS


def results_glob(home: Home) -> str:
    """What to hand to DuckDB's ``read_parquet`` for all results, the typed empty file included.

    Files of earlier versions lack columns: read them with ``union_by_name``.
    """
    return f"{glob.escape(str(_folder(home)))}/*.parquet"


def readable_files(home: Home) -> list[Path]:
    """The files of results that can be read, the typed empty one included; damaged ones are left out."""
    return parquet.whole(sorted(_folder(home).glob("*.parquet")), is_deep=True)


def remove_damaged(home: Home, file_name: str) -> None:
    """Remove the results of a file that is about to be imported again, if they cannot be read."""
    target = results_file(home, file_name)
    if target.is_dir():
        shutil.rmtree(target)
    elif target.exists() and parquet.fault_of(target, is_deep=True):
        target.unlink()


def ensure_empty_file(home: Home) -> None:
    """Give the results a typed file without rows, so that all columns can be read before any were imported.

    One of an earlier version of the contract is replaced.
    """
    parquet.ensure_empty_file(_folder(home) / "_empty.parquet", COLUMNS)


def results_file(home: Home, file_name: str) -> Path:
    """Where the results of a file lie, or would lie."""
    return _folder(home) / f"{path_value(file_name)}.parquet"


def imported(home: Home) -> Mapping[str, str]:
    """The content that is in raw of each imported file: load id by file name; less what cannot be read any more."""
    names = ("file_name", "load_id")
    found = {}
    for file in readable_files(home):
        facts = {key.decode(): value.decode() for key, value in (pq.read_metadata(file).metadata or {}).items()}
        if all(name in facts for name in names):
            found[facts["file_name"]] = facts["load_id"]
    return found


def _folder(home: Home) -> Path:
    return home.raw / "business_results"
