"""What marts say of a day rests on what was looked at, and on nothing else: the models' own SQL against plain Python.

Each example is a few communities of their own, with claims of all sorts over four days, and contributions anywhere.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pulse.core.files import sql_text

pytestmark = pytest.mark.integration

FIRST = date(2026, 10, 5)
DAYS = 4
KINDS = {"post": "posts", "comment": "comments", "message": "messages"}
# In the order in which each needs those before it.
MODELS = (
    "intermediate.int_coverage_claims", "intermediate.int_contributions_latest", "intermediate.int_coverage_by_source",
    "intermediate.int_coverage_stretches", "intermediate.int_coverage", "intermediate.int_community_days",
    "intermediate.int_author_days", "intermediate.int_sources_without_authors", "intermediate.int_days_without_authors",
    "intermediate.int_day_outcomes", "intermediate.int_silent_days", "marts.fct_community_daily",
)  # fmt: skip
STAGED = {
    "stg_coverage": "platform varchar, community varchar, contribution_date date, kind varchar, "
    "looked_from timestamptz, looked_to timestamptz, proof varchar, counted_n bigint, except_communities varchar[], "
    "source varchar, load_id varchar",
    "stg_contributions": "platform varchar, community varchar, contribution_id varchar, kind varchar, "
    "thread_id varchar, parent_id varchar, contribution_date date, created_at timestamptz, "
    "channel varchar, source varchar, observed_at timestamptz, partition_day date, "
    "author_key varchar, author_role varchar, "
    "is_by_contributor boolean, score bigint, reply_count bigint, "
    "award_count bigint, reactions map(varchar, bigint), is_removed boolean, load_id varchar",
    # Nothing here stands in two communities: of no platform it is told that ids are shared.
    "stg_platforms": "platform varchar, ids_shared_within varchar",
    "stg_community_observations": "platform varchar, community varchar",
    "stg_load_outcomes": "run_id varchar, platform varchar, entry_id varchar, community varchar, "
    "is_entry_total boolean, contribution_date date, outcome varchar, is_complete boolean, "
    "reason varchar, recorded_at timestamptz",
}


@pytest.fixture(scope="module")
def warehouse(unit_test_run: Any) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every model as an empty table, staging included."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute(f"attach {sql_text(unit_test_run.database)} as typed (read_only)")
        connection.execute("attach ':memory:' as working")
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() where database_name = 'typed'"
        ).fetchall()
        for schema, table in tables:
            connection.execute(f"create schema if not exists working.{schema}")
            connection.execute(f"create table working.{schema}.{table} as from typed.{schema}.{table} limit 0")
        connection.execute("create schema if not exists working.staging")
        for table, columns in STAGED.items():
            connection.execute(f"create table working.staging.{table} ({columns})")
        # Nothing here is told twice with another time of creation.
        connection.execute("create view working.staging.int_observations as from working.staging.stg_contributions")
        yield connection


@pytest.fixture(scope="module")
def compiled(unit_test_run: Any) -> dict[str, str]:
    """The models' SQL."""
    return {model: unit_test_run.compiled(model.split(".")[1]) for model in MODELS}


def fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    connection.execute(f"truncate working.staging.{table}")
    for row in rows:
        marks = ", ".join("?" for _ in row)
        statement = f"insert into working.staging.{table} ({', '.join(row)}) values ({marks})"
        connection.execute(statement, list(row.values()))


hours = st.integers(-4, 28)
claim = st.fixed_dictionaries(
    {
        "community": st.sampled_from(["tea", "mate", "typo", "*"]),
        "day": st.integers(0, DAYS - 1),
        "kind": st.sampled_from(sorted(KINDS)),
        "hours": st.tuples(hours, hours) | st.just((0, 24)),
        "proof": st.sampled_from(["declared", "listed", "spanned", "none"]),
        "source": st.sampled_from(["reddit_archive", "reddit_api"]),
    }
)
contribution = st.fixed_dictionaries(
    {
        "community": st.sampled_from(["tea", "mate"]),
        "day": st.integers(0, DAYS),
        "kind": st.sampled_from(sorted(KINDS)),
        "hour": st.integers(0, 23),
    }
)


def looked_at(
    claims: list[dict[str, Any]], seen: set[str], community: str, day: int, kind: str, *, excepted: str = "mate"
) -> set[int]:
    """Hours of the day that somebody looked at; none of a name that nobody ever saw and no platform listed."""
    valid = [one for one in claims if one["proof"] != "none" and max(0, one["hours"][0]) < min(24, one["hours"][1])]
    listed = {one["community"] for one in valid if one["proof"] == "listed"}
    if community not in seen | listed:
        return set()
    return {
        hour
        for one in valid
        if one["day"] == day and one["kind"] == kind
        if one["community"] == community or (one["community"] == "*" and community in seen and community != excepted)
        for hour in range(max(0, one["hours"][0]), min(24, one["hours"][1]))
    }


def midnight(day: int) -> datetime:
    return datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) + timedelta(days=day)


WHOLE = {"hours": (0, 24), "proof": "spanned", "source": "reddit_archive"}


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(claim, max_size=14), st.lists(contribution, max_size=12))
@example(
    [{"community": "tea", "day": 0, "kind": "post", **WHOLE}],
    [{"community": "tea", "day": 0, "kind": "comment", "hour": 1}],
)
@example(
    [{"community": "typo", "day": 0, "kind": "post", **WHOLE}, {"community": "*", "day": 1, "kind": "post", **WHOLE}],
    [],
)
def test_day__knows_what_was_looked_at_and_nothing_else(
    compiled: dict[str, str], warehouse: Any, claims: list[dict[str, Any]], written: list[dict[str, Any]]
):
    fill(
        warehouse,
        "stg_coverage",
        [
            {
                "platform": "reddit", "community": one["community"], "kind": one["kind"], "proof": one["proof"],
                "contribution_date": FIRST + timedelta(days=one["day"]), "source": one["source"],
                "load_id": f"load{place}",
                "looked_from": midnight(one["day"]) + timedelta(hours=one["hours"][0]),
                "looked_to": midnight(one["day"]) + timedelta(hours=one["hours"][1]),
                "except_communities": ["mate"] if one["community"] == "*" else [],
            }
            for place, one in enumerate(claims)
        ],
    )  # fmt: skip
    fill(
        warehouse,
        "stg_contributions",
        [
            {
                "platform": "reddit", "community": one["community"], "kind": one["kind"],
                "contribution_id": f"t1_{place}", "thread_id": "t3_0",
                "contribution_date": FIRST + timedelta(days=one["day"]),
                "created_at": midnight(one["day"]) + timedelta(hours=one["hour"]), "observed_at": midnight(9),
                "partition_day": FIRST + timedelta(days=one["day"]), "author_key": "a", "author_role": "member",
                "is_by_contributor": True, "is_removed": False, "load_id": "load",
            }
            for place, one in enumerate(written)
        ],
    )  # fmt: skip
    for model in MODELS:
        warehouse.execute(f"truncate working.{model}")
        warehouse.execute(f"insert into working.{model} by name {compiled[model]}")
    found = warehouse.execute("from working.marts.fct_community_daily")
    names = [name for name, *_ in found.description]
    rows = {
        (row["community"], (row["contribution_date"] - FIRST).days): row
        for row in (dict(zip(names, values, strict=True)) for values in found.fetchall())
    }
    seen = {one["community"] for one in written}
    for community in ("tea", "mate", "typo"):
        read = {
            kind for kind in KINDS if any(looked_at(claims, seen, community, day, kind) for day in range(DAYS))
        }  # fmt: skip
        for day in range(DAYS + 1):
            row = rows.get((community, day))
            covered = {kind: looked_at(claims, seen, community, day, kind) for kind in KINDS}
            if row is None:
                assert not any(covered.values())
                continue
            for kind, name in KINDS.items():
                count = sum((one["community"], one["day"], one["kind"]) == (community, day, kind) for one in written)
                assert row[name] == (count if covered[kind] else None)
                assert row[f"{name}_looked_h"] == len(covered[kind])
                assert row[f"is_{name}_complete"] == (len(covered[kind]) == 24)
            is_complete = bool(read) and all(len(covered[kind]) == 24 for kind in read)
            assert row["is_day_complete"] == is_complete
            assert (row["contributors"] is None) == (not any(covered.values()))
            written_n = sum((one["community"], one["day"]) == (community, day) for one in written)
            counted_n = sum(row[name] or 0 for name in KINDS.values())
            assert counted_n + row["unproven_n"] == written_n
            if is_complete:
                assert row["outcome"] == ("arrived" if counted_n else "empty")
            assert ("incomplete" in (row["caveat"] or "")) == (not is_complete)
            so_far = {
                kind for kind in KINDS if any(looked_at(claims, seen, community, one, kind) for one in range(day + 1))
            }
            if so_far & {"post", "comment"}:
                so_far |= {"post", "comment"}  # they are read together, or say that they were not
            for kind, name in KINDS.items():
                is_missing = kind in so_far and not covered[kind] and any(covered.values())
                assert (f"{name}_not_read" in (row["caveat"] or "")) == is_missing
    assert "*" not in {community for community, _ in rows}
