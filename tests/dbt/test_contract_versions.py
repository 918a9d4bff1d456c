"""What was written under an older contract is read beside newer rows: it stays as it is, and what it lacks is NULL."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from pulse.core import contract, table
from pulse.core.files import sql_text
from pulse.core.home import Home
from pulse.lake import raw
from pulse.warehouse import transform
from support import contribution

pytestmark = pytest.mark.integration

# Versions 1 to 3 as they were, never to be changed: what raw holds of it cannot be changed either.
VERSION_1 = """
    platform VARCHAR not null, community VARCHAR not null, contribution_id VARCHAR not null, kind VARCHAR not null,
    thread_id VARCHAR not null, parent_id VARCHAR, created_at TIMESTAMPTZ not null, edited_at TIMESTAMPTZ,
    observed_at TIMESTAMPTZ not null, title VARCHAR, body VARCHAR, text_sha256 VARCHAR, url VARCHAR, permalink VARCHAR,
    tags VARCHAR[] not null, author_key VARCHAR, author_role VARCHAR not null, score BIGINT, upvote_ratio DOUBLE,
    reply_count BIGINT, award_count BIGINT, view_count BIGINT, share_count BIGINT, reactions MAP(VARCHAR, BIGINT),
    removal VARCHAR not null, source VARCHAR not null, load_id VARCHAR not null, contract_version INTEGER not null,
    extra VARCHAR
"""
COMMUNITIES_VERSION_1 = """
    platform VARCHAR not null, community VARCHAR not null, observed_at TIMESTAMPTZ not null, members_n BIGINT,
    active_n BIGINT, source VARCHAR not null, load_id VARCHAR not null, contract_version INTEGER not null
"""
VERSION_2 = f"{VERSION_1}, channel VARCHAR"
VERSION_3 = f"{VERSION_2}, is_accepted_answer BOOLEAN"


def write_rows(file: Path, columns: str, **changes: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    row = contribution(**changes)  # type: ignore[arg-type]
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"create table rows ({columns})")
        names = [name for name in connection.table("rows").columns if row.get(name) is not None]
        marks = ", ".join("?" for _ in names)
        connection.execute(f"insert into rows ({', '.join(names)}) values ({marks})", [row[name] for name in names])
        connection.table("rows").write_parquet(str(file))


def of_today(home: Home, day: date) -> Path:
    return home.contributions_dir("reddit", "tea", day) / "reddit_archive-tea.parquet"


def reader_of_contributions(home: Home) -> str:
    (reader,) = (source.reader for source in transform._inputs(home) if source.table == "contributions")
    return reader


def staged(home: Home, database: Path) -> list[tuple[object, ...]]:
    """What dbt's staging makes of raw."""
    transform.ensure_inputs(home)
    (node,) = transform.run(home, database, ["run", "--select", "stg_contributions"], {"sentiment_model_id": "x"})
    assert node.is_ok, node.message
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(
            "select contribution_id, title, channel, is_accepted_answer, contract_version "
            "from staging.stg_contributions order by all"
        ).fetchall()


def test_earlier_versions__are_still_what_their_rows_are():
    """A newer contract keeps every column of an older one, by name and type; new ones may be NULL, and come last."""
    with duckdb.connect() as connection:
        for number, (then, now) in enumerate(
            [
                (VERSION_1, contract.duckdb_columns()),
                (VERSION_2, contract.duckdb_columns()),
                (VERSION_3, contract.duckdb_columns()),
                (COMMUNITIES_VERSION_1, contract.community_duckdb_columns()),
            ]
        ):
            connection.execute(f"create table then_{number} ({then})")
            connection.execute(f"create table now_{number} ({now})")
            old, new = (
                connection.execute(
                    f'select column_name, column_type, "null" from (describe {table}_{number})'
                ).fetchall()
                for table in ("then", "now")
            )
            assert new[: len(old)] == old
            assert {is_nullable for _, _, is_nullable in new[len(old) :]} <= {"YES"}


def test_earlier_versions__rows_are_read_beside_those_of_newer_ones(
    home: Home, tmp_path: Path, airflow_home: Path, monkeypatch: pytest.MonkeyPatch
):
    database = tmp_path / "warehouse.duckdb"
    versions = {1: VERSION_1, 2: VERSION_2, 3: VERSION_3}
    facts = {1: {}, 2: {"channel": "tips"}, 3: {"channel": "tips", "is_accepted_answer": True}}
    wanted: list[tuple[object, ...]] = []
    for version, columns in versions.items():
        told = {"contribution_id": f"t3_{version}", "title": f"Of version {version}", "contract_version": version}
        write_rows(of_today(home, date(2026, 10, 5 + version)), columns, **told, **facts[version])
        told |= {"channel": None, "is_accepted_answer": None} | facts[version]
        names = ("contribution_id", "title", "channel", "is_accepted_answer", "contract_version")
        wanted.append(tuple(told[name] for name in names))
        with monkeypatch.context() as then:
            then.setattr(contract, "COLUMNS", contract.COLUMNS[: 28 + version])
            raw.ensure_empty_file(home)
    assert staged(home, database) == wanted

    language = table.Column("language", "VARCHAR", True, "in which it is written")
    monkeypatch.setattr(contract, "COLUMNS", (*contract.COLUMNS, language))
    monkeypatch.setattr(contract, "CONTRACT_VERSION", 4)
    newer = of_today(home, date(2026, 10, 10))
    newest = {"contribution_id": "t3_4", "title": "Of version 4", "channel": "news", "contract_version": 4}
    write_rows(newer, contract.duckdb_columns(), **newest)
    with duckdb.connect() as connection:
        connection.execute(
            f"create table given as select * replace ('en' as language) from read_parquet({sql_text(newer)})"
        )
        connection.table("given").write_parquet(str(newer))

    wanted.append(("t3_4", "Of version 4", "news", None, 4))
    for _ in range(2):  # the second time the typed file is there already
        assert staged(home, database) == wanted
    reader = reader_of_contributions(home)
    assert duckdb.sql(f"select contribution_id, language from {reader} order by 1").fetchall() == [
        ("t3_1", None), ("t3_2", None), ("t3_3", None), ("t3_4", "en"),
    ]  # fmt: skip


def test_typed_files__of_one_contract_need_no_matching_by_name(home: Home):
    raw.ensure_empty_file(home)
    raw.ensure_empty_file(home)
    assert not raw.has_earlier_columns(home)
    assert "union_by_name = false" in reader_of_contributions(home)
