"""What was made of texts that were taken back, such as scores: the hash of a short text tells it to who guesses it."""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pulse.core import memory_database, parquet
from pulse.core.files import sql_text, storage_error
from pulse.core.home import Home


def score_files(home: Home) -> list[Path]:
    """All files of scores, in order."""
    return sorted(home.scores.glob("model_id=*/platform=*/*/*/*.parquet"))


def find(home: Home, tombstones: Sequence[Path], files: Sequence[Path]) -> dict[Path, int]:
    """How many rows each file has of texts that are in raw no more, among contributions that some tombstones name.

    Another contribution of the same text keeps its own rows.

    Args:
        files: of scores or of another table with the columns platform, community, contribution_id and text_sha256.
    """
    with memory_database.workbench(home.scratch / "erasure") as connection:
        return _find(connection, home, tombstones, files)


def drop(home: Home, tombstones: Sequence[Path], files: Sequence[Path]) -> int:
    """Take those rows out; returns how many. A file without any other stays, so that its partition counts as judged.

    Raises:
        StorageError: disk full or not writable. Each file is as before or as after.
    """
    with memory_database.workbench(home.scratch / "erasure") as connection:
        found = _find(connection, home, tombstones, files)
        for file in found:
            try:
                parquet.write_query(
                    connection,
                    f"from read_parquet({sql_text(file)}, hive_partitioning = false) "
                    "anti join unsaid using (platform, community, contribution_id, text_sha256)",
                    file,
                )
            except duckdb.Error as error:
                raise storage_error(file, error) from error
    return sum(found.values())


def _find(
    connection: duckdb.DuckDBPyConnection, home: Home, tombstones: Sequence[Path], given: Sequence[Path]
) -> dict[Path, int]:
    """Make table ``unsaid`` of such texts that have a row; count them by file."""
    columns = "platform, community, contribution_id, text_sha256"
    connection.execute(
        "create or replace temp table unsaid as select platform, community, contribution_id, text_sha256 from "
        "(values ('', '', '', '')) as nothing(platform, community, contribution_id, text_sha256) where false"
    )
    named = [str(file) for file in tombstones if file.exists()]
    if not named or not given:
        return {}
    connection.execute(
        "create or replace temp table named as select distinct platform, community, contribution_id "
        "from read_parquet($files, hive_partitioning = false)",
        {"files": named},
    )

    def scored(files: Sequence[Path]) -> None:
        if files:
            connection.execute(
                f"insert into unsaid select distinct {columns} from read_parquet($files, hive_partitioning = false) "
                "semi join named using (platform, community, contribution_id)",
                {"files": [str(file) for file in files]},
            )

    def said(files: Sequence[Path]) -> None:
        if files:
            connection.execute(
                f"create or replace temp table unsaid as from unsaid anti join (select {columns} "
                "from read_parquet($files, hive_partitioning = false) where text_sha256 is not null) "
                "using (platform, community, contribution_id, text_sha256)",
                {"files": [str(file) for file in files]},
            )

    def by_file(files: Sequence[Path]) -> dict[Path, int]:
        if not files:
            return {}
        rows = connection.execute(
            "select filename, count(*) from read_parquet($files, hive_partitioning = false, filename = true) "
            "semi join unsaid using (platform, community, contribution_id, text_sha256) group by all order by all",
            {"files": [str(file) for file in files]},
        ).fetchall()
        return {Path(name): scores_n for name, scores_n in rows}

    parquet.read_what_can_be(given, scored)
    parquet.read_what_can_be(sorted((home.raw / "contributions").glob("platform=*/*/*/*.parquet")), said)
    found: dict[Path, int] = parquet.read_what_can_be(given, by_file)
    return found
