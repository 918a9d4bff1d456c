"""The contract: one contribution, as observed once; a community, as observed once a day; and what was looked at.

Every source hands over rows with exactly these columns; nothing after the source step knows a platform's own fields.
An observation is unique by (platform, community, contribution_id, observed_at), that of a community by (platform,
community, observed_at), and is never changed, only added to. NULL means "this source cannot see it"; 0 means zero.

Kept together here: the columns of the three records, and the text hash that is derived from two of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from pulse.core.table import Column, definitions, select_list

CONTRACT_VERSION = 3

Kind = Literal["post", "comment", "message"]
AuthorRole = Literal["bot", "team", "moderator", "member"]
Removal = Literal["none", "by_author", "by_moderator"]
Proof = Literal["declared", "listed", "spanned", "none"]
KINDS: tuple[str, ...] = get_args(Kind)
AUTHOR_ROLES: tuple[str, ...] = get_args(AuthorRole)
REMOVALS: tuple[str, ...] = get_args(Removal)
PROOFS: tuple[str, ...] = get_args(Proof)


COLUMNS: tuple[Column, ...] = (
    Column("platform", "VARCHAR", False, "platform name, lower case: reddit"),
    Column("community", "VARCHAR", False, "community name; lower case where the platform ignores case"),
    Column("contribution_id", "VARCHAR", False, "the platform's full id (Reddit: t3_… post, t1_… comment)"),
    Column("kind", "VARCHAR", False, "post, comment, or message: chat that stands in no thread"),
    Column(
        "thread_id", "VARCHAR", False,
        "contribution_id of the post the thread hangs from; a post names itself, and so does a message",
    ),
    Column("parent_id", "VARCHAR", True, "contribution_id this answers; NULL for a post, and where there is none"),
    Column("created_at", "TIMESTAMPTZ", False, "when it was written"),
    Column("edited_at", "TIMESTAMPTZ", True, "when it was last edited; NULL when never, or not visible"),
    Column("observed_at", "TIMESTAMPTZ", False, "when the counts and the text were seen"),
    Column("title", "VARCHAR", True, "title of a post; NULL for all else and when gone"),
    Column("body", "VARCHAR", True, "text; NULL when there is none or it is gone"),
    Column("text_sha256", "VARCHAR", True, "SHA-256 of title and body; NULL when there is no text"),
    Column("url", "VARCHAR", True, "what a post links to"),
    Column("permalink", "VARCHAR", True, "address of the contribution on its platform"),
    Column("tags", "VARCHAR[]", False, "flairs, labels; empty when none"),
    Column("author_key", "VARCHAR", True, "keyed hash of the author's name; NULL when the account is gone"),
    Column("author_role", "VARCHAR", False, "first match of bot, team, moderator, member"),
    Column("score", "BIGINT", True, "likes, points or upvotes net of downvotes"),
    Column("upvote_ratio", "DOUBLE", True, "share of votes that are up, 0 to 1"),
    Column("reply_count", "BIGINT", True, "replies as the platform counts them"),
    Column("award_count", "BIGINT", True, "awards received"),
    Column("view_count", "BIGINT", True, "views"),
    Column("share_count", "BIGINT", True, "shares, reposts or cross-posts"),
    Column("reactions", "MAP(VARCHAR, BIGINT)", True, "count by kind of reaction"),
    Column("removal", "VARCHAR", False, "none, by_author or by_moderator"),
    Column("source", "VARCHAR", False, "the source module that saw it"),
    Column("load_id", "VARCHAR", False, "the load that brought it"),
    Column("contract_version", "INTEGER", False, "version of this contract"),
    Column("extra", "VARCHAR", True, "JSON object of further fields that a per-source allow-list lets through"),
    # Since version 2:
    Column(
        "channel", "VARCHAR", True,
        "part of a community: Discord channel, forum category; NULL where there is none",
    ),
    # Since version 3:
    Column(
        "is_accepted_answer", "BOOLEAN", True,
        "of an answer, whether it was taken as the one that solved it; NULL for all else, and where it cannot be seen",
    ),
)  # fmt: skip
COLUMN_NAMES: tuple[str, ...] = tuple(column.name for column in COLUMNS)
# What some sources see and others do not: a source states which, and leaves the others NULL.
OBSERVABLE: frozenset[str] = frozenset(column.name for column in COLUMNS if column.is_nullable) - {"text_sha256"}


# The second record: how large the community is. Sources that can see it write it beside the contributions of a load.
COMMUNITY_COLUMNS: tuple[Column, ...] = (
    Column("platform", "VARCHAR", False, "platform name, lower case: reddit"),
    Column("community", "VARCHAR", False, "community name; lower case where the platform ignores case"),
    Column("observed_at", "TIMESTAMPTZ", False, "when the counts were seen"),
    Column("members_n", "BIGINT", True, "accounts that belong to it: subscribers, members"),
    Column("active_n", "BIGINT", True, "accounts there at that moment, as the platform counts them"),
    Column("source", "VARCHAR", False, "the source module that saw it"),
    Column("load_id", "VARCHAR", False, "the load that brought it"),
    Column("contract_version", "INTEGER", False, "version of this contract"),
)


# The third record: what was looked at. A figure is known only for what some row here covers; nothing else decides it.
COVERAGE_COLUMNS: tuple[Column, ...] = (
    Column("platform", "VARCHAR", False, "platform name, lower case: reddit"),
    Column(
        "community", "VARCHAR", False,
        "community name; `*` for all communities of the platform but those in except_communities",
    ),
    Column("day", "DATE", False, "UTC day of creation that the row speaks of"),
    Column("kind", "VARCHAR", False, "post, comment or message"),
    Column("looked_from", "TIMESTAMPTZ", True, "from when on, within the day, all was read; NULL: not at all"),
    Column("looked_to", "TIMESTAMPTZ", True, "until when, exclusive, at most the next midnight; NULL like looked_from"),
    Column(
        "proof", "VARCHAR", False,
        "declared by the config, listed by the platform, spanned by the records of a file, or none",
    ),
    Column("counted_n", "BIGINT", True, "how many the platform itself counts; NULL if it does not"),
    Column("except_communities", "VARCHAR[]", False, "communities that a row of `*` does not speak for; else empty"),
    Column("source", "VARCHAR", False, "the source module that looked"),
    Column("load_id", "VARCHAR", False, "the load that says so"),
    Column("contract_version", "INTEGER", False, "version of this contract"),
)  # fmt: skip


@dataclass(frozen=True)
class CommunityObservation:
    """One community as seen once; fields as in ``COMMUNITY_COLUMNS``. The time must have a zone."""

    platform: str
    community: str
    observed_at: datetime
    members_n: int | None
    active_n: int | None
    source: str
    load_id: str
    contract_version: int = CONTRACT_VERSION


def duckdb_columns() -> str:
    """Column definitions of a contribution, for ``create table``."""
    return definitions(COLUMNS)


def community_duckdb_columns() -> str:
    """Column definitions of a community's observation, for ``create table``."""
    return definitions(COMMUNITY_COLUMNS)


def coverage_duckdb_columns() -> str:
    """Column definitions of what was looked at, for ``create table``."""
    return definitions(COVERAGE_COLUMNS)


def projection(*, overrides: dict[str, str] | None = None) -> str:
    """Select list that gives every contract column, in order and cast to its type.

    Args:
        overrides: SQL expression by column name; other columns are taken by their own name. ``text_sha256`` is always
            derived from the ``title`` and ``body`` that the select list gives, so it cannot disagree with them.
    """
    chosen = dict(overrides or {})
    title, body = chosen.get("title", "title"), chosen.get("body", "body")
    chosen["text_sha256"] = text_sha256_sql(title, body)
    chosen.setdefault("contract_version", str(CONTRACT_VERSION))
    return select_list(COLUMNS, chosen)


# ---- derived values --------------------------------------------------------


def text_sha256_sql(title_sql: str, body_sql: str) -> str:
    """Hex SHA-256 over title, a line feed and body; NULL when both are NULL or empty. Key of sentiment scores."""
    return (
        f"case when coalesce({title_sql}, '') = '' and coalesce({body_sql}, '') = '' then null "
        f"else sha256(coalesce({title_sql}, '') || chr(10) || coalesce({body_sql}, '')) end"
    )


def scored_text_sql(title_sql: str, body_sql: str) -> str:
    """The text that sentiment is judged on: title, a line feed and body, whichever are there."""
    return f"concat_ws(chr(10), nullif({title_sql}, ''), nullif({body_sql}, ''))"
