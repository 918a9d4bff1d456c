"""What the config says to listen for, as typed tables for dbt: one small Parquet file each, under PULSE_HOME/listening.

A table of which the config says nothing is an empty file with its columns. A file is written only where it would say
something else: builds tell by its time whether anything changed.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pulse.config.listening import Brand, Listening, is_case_aware
from pulse.core import parquet
from pulse.core.home import Home
from pulse.core.table import Column, Table
from pulse.listening.mention import version_of

_BRAND = Column("brand", "VARCHAR", False, "name of the brand in the config")
_PLATFORM = Column("platform", "VARCHAR", False, "platform name, lower case")
_COMMUNITY = Column("community", "VARCHAR", False, "community name, as in raw")
_OFFER = Column("offer", "VARCHAR", False, "name of the offer in the config")
_INTEREST = Column("interest", "VARCHAR", False, "name of the interest in the config")
_LAUNCH = Column("launch", "VARCHAR", False, "name of the launch in the config")

BRANDS = Table(
    "brands",
    "Brands to listen for.",
    "one row per brand.",
    (
        _BRAND,
        Column("is_ours", "BOOLEAN", False, "whether it is ours; the others are competitors"),
        Column("mentions_version", "VARCHAR", False, "the version whose mentions hold"),
    ),
)
BRAND_ALIASES = Table(
    "brand_aliases",
    "How brands are named.",
    "one row per brand and alias or domain.",
    (
        _BRAND,
        Column("alias", "VARCHAR", False, "as the config writes it"),
        Column("alias_kind", "VARCHAR", False, "name or domain"),
        Column("is_case_aware", "BOOLEAN", False, "whether it means the brand only with a capital"),
    ),
)
OFFERS = Table(
    "offers",
    "What brands offered.",
    "one row per offer.",
    (
        _OFFER,
        _BRAND,
        Column("offer_kind", "VARCHAR", False, "coupon, early_access, limited_edition, giveaway, contest, join_reward"),
        Column("first_date", "DATE", False, "first day on which it held"),
        Column("last_date", "DATE", False, "last day on which it held, included"),
        Column("is_everywhere", "BOOLEAN", False, "whether it held in all communities; else see offer_communities"),
    ),
)
OFFER_CODES = Table(
    "offer_codes",
    "What people type to get an offer.",
    "one row per code.",
    (
        _OFFER,
        Column("code", "VARCHAR", False, "as the config writes it"),
        Column("code_key", "VARCHAR", False, "the code as it is compared: without case and blanks around it"),
    ),
)
OFFER_COMMUNITIES = Table(
    "offer_communities",
    "Where offers were made, if not everywhere.",
    "one row per offer and community.",
    (_OFFER, _PLATFORM, _COMMUNITY),
)
INTERESTS = Table("interests", "What people care about.", "one row per interest.", (_INTEREST,))
INTEREST_WORDS = Table(
    "interest_words",
    "Words for interests.",
    "one row per interest and word or phrase.",
    (_INTEREST, Column("word", "VARCHAR", False, "as the config writes it")),
)
INTEREST_COMMUNITIES = Table(
    "interest_communities",
    "Communities that are about an interest.",
    "one row per interest and community.",
    (_INTEREST, _PLATFORM, _COMMUNITY),
)
LAUNCHES = Table(
    "launches",
    "What brands brought out.",
    "one row per launch.",
    (_LAUNCH, _BRAND, Column("launch_date", "DATE", False, "day on which it came out")),
)
LAUNCH_WORDS = Table(
    "launch_words",
    "Words for launches.",
    "one row per launch and word or phrase.",
    (_LAUNCH, Column("word", "VARCHAR", False, "as the config writes it")),
)
OWN_COMMUNITIES = Table(
    "own_communities",
    "Communities that the brand runs itself.",
    "one row per community.",
    (_PLATFORM, _COMMUNITY),
)
TABLES = (
    BRANDS, BRAND_ALIASES, OFFERS, OFFER_CODES, OFFER_COMMUNITIES, INTERESTS, INTEREST_WORDS, INTEREST_COMMUNITIES,
    LAUNCHES, LAUNCH_WORDS, OWN_COMMUNITIES,
)  # fmt: skip


def file_of(home: Home, table: Table) -> Path:
    """Where a table lies."""
    return home.listening / f"{table.name}.parquet"


def ensure_empty_files(home: Home) -> None:
    """Give each table that is not there, or not of this version, a typed file without rows."""
    for table in TABLES:
        file = file_of(home, table)
        if parquet.fault_of(file, is_deep=True) is not None or parquet.column_names(file) != table.names:
            parquet.write(file, table.arrow_schema.empty_table())


def write(home: Home, listening: Listening, model_id: str) -> None:
    """Write what the config says; files that say the same already stay as they are.

    Raises:
        StorageError: disk full or not writable.
    """
    for table, rows in _rows(listening, model_id):
        content = pa.Table.from_pylist(rows, schema=table.arrow_schema)
        file = file_of(home, table)
        if parquet.fault_of(file, is_deep=True) is not None or not pq.read_table(file).equals(content):
            parquet.write(file, content)


def digest(listening: Listening, model_id: str) -> str:
    """Tells one state of these tables from another: whether marts that are made with them have to be built anew."""
    rows = [(table.name, rows) for table, rows in _rows(listening, model_id)]
    return hashlib.sha256(json.dumps(rows, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class _Named:
    key: str
    name: str

    def rows(self, column: str, values: Iterable[str]) -> list[dict[str, Any]]:
        return [{self.key: self.name, column: value} for value in dict.fromkeys(values)]

    def communities(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        return [{self.key: self.name} | _community(one) for one in ids]


def _rows(listening: Listening, model_id: str) -> list[tuple[Table, list[dict[str, Any]]]]:
    version = version_of(listening, model_id)
    offers = [(_Named("offer", offer.name), offer) for offer in listening.offers]
    interests = [(_Named("interest", interest.name), interest) for interest in listening.interests]
    launches = [(_Named("launch", launch.name), launch) for launch in listening.launches]
    return [
        (
            BRANDS,
            [
                {"brand": brand.name, "is_ours": brand.ours, "mentions_version": version}
                for brand in listening.brands
            ],
        ),
        (BRAND_ALIASES, [row for brand in listening.brands for row in _alias_rows(brand)]),
        (
            OFFERS,
            [
                {
                    "offer": offer.name, "brand": offer.brand, "offer_kind": offer.kind,
                    "first_date": offer.first_day, "last_date": offer.last_day,
                    "is_everywhere": not offer.communities,
                }
                for _, offer in offers
            ],
        ),
        (
            OFFER_CODES,
            [
                {"offer": offer.name, "code": code, "code_key": key}
                for _, offer in offers
                for key, code in {code.strip().casefold(): code for code in offer.codes}.items()
            ],
        ),
        (OFFER_COMMUNITIES, [row for named, offer in offers for row in named.communities(offer.communities)]),
        (INTERESTS, [{"interest": interest.name} for _, interest in interests]),
        (INTEREST_WORDS, [row for named, interest in interests for row in named.rows("word", interest.words)]),
        (INTEREST_COMMUNITIES, [row for named, interest in interests for row in named.communities(interest.like)]),
        (
            LAUNCHES,
            [
                {"launch": launch.name, "brand": launch.brand, "launch_date": launch.launch_date}
                for _, launch in launches
            ],
        ),
        (LAUNCH_WORDS, [row for named, launch in launches for row in named.rows("word", launch.words)]),
        (OWN_COMMUNITIES, [_community(one) for one in listening.own_communities]),
    ]  # fmt: skip


def _alias_rows(brand: Brand) -> list[dict[str, Any]]:
    names = [(alias, "name", is_case_aware(alias, brand)) for alias in dict.fromkeys(brand.aliases)]
    names += [(domain, "domain", False) for domain in dict.fromkeys(brand.domains)]
    return [
        {"brand": brand.name, "alias": alias, "alias_kind": kind, "is_case_aware": is_aware}
        for alias, kind, is_aware in names
    ]


def _community(community_id: str) -> dict[str, str]:
    platform, _, name = community_id.partition("/")
    return {"platform": platform, "community": name}
