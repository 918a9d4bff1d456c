"""What Reddit's own fields mean in the contract: the one mapping for every route to Reddit.

A route hands over records as newline-delimited JSON in Reddit's shape (archives, and pages of the API); DuckDB reads
the fields named here and nothing else, and one select list turns them into contract columns. There is no Python per
record, and two routes cannot disagree.
"""

from typing import Any

from pulse.contract import author_key_sql, canonical_name_sql, projection
from pulse.sources.ndjson import Fault, is_number, repeated_keys

PLATFORM = "reddit"
# Raised whenever the mapping changes what rows come out, so that staged archives are read again.
MAPPING_VERSION = 1

_NUMBER_FIELDS = (
    "created_utc",
    "score",
    "ups",
    "retrieved_on",
    "retrieved_utc",
    "upvote_ratio",
    "num_comments",
    "total_awards_received",
    "gilded",
    "num_crossposts",
    "view_count",
)
_TEXT_FIELDS = (
    "id",
    "subreddit",
    "author",
    "title",
    "selftext",
    "body",
    "link_id",
    "url",
    "permalink",
    "link_flair_text",
    "distinguished",
    "removed_by_category",
)
# Read as text because their type changes from year to year: `edited` is false or a time, `parent_id` a text or a number.
_MIXED_FIELDS = ("edited", "parent_id", "over_18", "spoiler", "_meta")
# Further fields that may be kept in `extra`. None says anything about a person.
EXTRA_FIELDS = (
    "archived",
    "controversiality",
    "crosspost_parent",
    "domain",
    "gildings",
    "is_original_content",
    "is_self",
    "is_video",
    "locked",
    "media_only",
    "post_hint",
    "stickied",
    "subreddit_subscribers",
    "subreddit_type",
    "suggested_sort",
    "whitelist_status",
)
KNOWN_FIELDS = frozenset({*_NUMBER_FIELDS, *_TEXT_FIELDS, *_MIXED_FIELDS, *EXTRA_FIELDS})

EARLIEST_S = 1_119_484_800  # 2005-06-23, the first day of Reddit
LATEST_S = 4_102_444_800  # 2100-01-01: later than any archive, and still a time every engine can hold

_GONE_TEXTS = "('[deleted]', '[removed]', '[deleted by user]', '[ Removed by Reddit ]', '[removed by reddit]')"


def raw_columns(*, with_extra: bool) -> dict[str, str]:
    """DuckDB type by field, for ``read_json``; fields that a record lacks come as NULL."""
    columns = dict.fromkeys(_NUMBER_FIELDS, "DOUBLE") | dict.fromkeys((*_TEXT_FIELDS, *_MIXED_FIELDS), "VARCHAR")
    return columns | (dict.fromkeys(EXTRA_FIELDS, "JSON") if with_extra else {})


def needs_slow_look_sql() -> str:
    """Whether a record that the bulk reader took must be looked at by itself: nothing it reads is a surprise.

    True where a required field is missing or absurd, and where a text field may have held something else than text
    (the bulk reader turns objects, numbers and booleans into text without a word).
    """
    missing = (
        "coalesce(id, '') = '' or coalesce(subreddit, '') = '' "
        f"or not coalesce(created_utc between {EARLIEST_S} and {LATEST_S}, false) "
        "or (title is null and link_id is null)"
    )
    odd_number = " or ".join(f"not isfinite({field})" for field in _NUMBER_FIELDS if field != "created_utc")
    odd_text = " or ".join(
        f"regexp_matches({field}, '^(\\{{|\\[|-?[0-9][0-9.eE+-]*$|true$|false$)')"
        for field in ("id", "subreddit", "author", "title", "selftext", "body", "link_id", "link_flair_text")
    )
    return f"(({missing}) or coalesce({odd_number}, false) or coalesce({odd_text}, false))"


def check_record(record: dict[str, Any]) -> Fault | None:
    """The slow look at one parsed record: the fault that makes it unusable, or None.

    Keys that the mapping does not read are not looked at: whatever they hold cannot matter.
    """
    repeated = [name for name in repeated_keys(record) if name in KNOWN_FIELDS]
    if repeated:
        return Fault("duplicate_key", ", ".join(repeated))
    for field in _NUMBER_FIELDS:
        value = record.get(field)
        if value is not None and not is_number(value):
            return Fault("not_a_number", f"{field} is {type(value).__name__} {str(value)[:40]!r}")
    for field in _TEXT_FIELDS:
        value = record.get(field)
        if value is not None and not isinstance(value, str):
            return Fault("not_text", f"{field} is {type(value).__name__}")
    return _missing(record)


def _missing(record: dict[str, Any]) -> Fault | None:
    if not record.get("id"):
        return Fault("missing_id")
    if record.get("created_utc") is None:
        return Fault("missing_created_utc")
    if not EARLIEST_S <= float(record["created_utc"]) <= LATEST_S:
        return Fault("created_utc_out_of_range", str(record["created_utc"]))
    if not record.get("subreddit"):
        return Fault("missing_subreddit")
    if record.get("title") is None and record.get("link_id") is None:
        return Fault("neither_post_nor_comment", "no title and no link_id")
    return None


def contract_select(
    *, author_key: bytes, role_sql: str, observed_fallback_s: float, source: str, with_extra: bool
) -> str:
    """Select list from the fields of :func:`raw_columns` to the contract's columns.

    Args:
        author_key: key material; the returned text holds a form of it and must not be logged.
        role_sql: expression for ``author_role`` apart from moderators, NULL where no account is listed.
        observed_fallback_s: seconds since 1970 to take as ``observed_at`` where a record does not say when it was seen.
        source: name of the route, for the column ``source``.

    ``load_id`` is left empty: a load fills it in.
    """
    is_post = "title is not null"
    author_gone = "(author is null or author in ('', '[deleted]', '[removed]'))"
    text = f"case when {is_post} then selftext else body end"
    moderator = "case when distinguished in ('moderator', 'admin') then 'moderator' end"
    edited_s = "try_cast(edited as double)"
    meta_s = "try_cast(json_extract_string(_meta, '$.retrieved_2nd_on') as double)"
    observed_s = (
        f"greatest(created_utc, coalesce(case when _meta is not null then {meta_s} end, "
        f"retrieved_on, retrieved_utc, {observed_fallback_s!r}))"
    )
    thread = "case when starts_with(link_id, 't3_') then link_id else 't3_' || link_id end"
    # Some years give the parent as a number: Reddit's ids are numbers written in base 36.
    parent = (
        "case when parent_id is null or parent_id = '' then null when starts_with(parent_id, 't') then parent_id "
        "else 't1_' || coalesce(lower(to_base(try_cast(parent_id as bigint), 36)), parent_id) end"
    )
    permalink = (
        "coalesce(nullif(permalink, ''), case when title is not null then '/r/' || subreddit || '/comments/' || id || '/' "
        "else '/r/' || subreddit || '/comments/' || regexp_replace(link_id, '^t3_', '') || '/_/' || id || '/' end)"
    )
    removal = (
        f"case when removed_by_category in ('author', 'deleted') or ({text}) in ('[deleted]', '[deleted by user]') "
        f"then 'by_author' when removed_by_category is not null or ({text}) in {_GONE_TEXTS} then 'by_moderator' "
        "else 'none' end"
    )
    body = f"case when ({text}) in {_GONE_TEXTS} then null else nullif({text}, '') end"
    title = f"case when title in {_GONE_TEXTS} then null else nullif(title, '') end"
    return projection(
        overrides={
            "platform": f"'{PLATFORM}'",
            "community": canonical_name_sql(PLATFORM, "subreddit"),
            "contribution_id": f"case when {is_post} then 't3_' else 't1_' end || id",
            "kind": f"case when {is_post} then 'post' else 'comment' end",
            "thread_id": f"case when {is_post} then 't3_' || id else {thread} end",
            "parent_id": f"case when {is_post} then null else coalesce({parent}, {thread}) end",
            "created_at": "to_timestamp(created_utc)",
            "edited_at": f"case when {edited_s} > {EARLIEST_S} then to_timestamp({edited_s}) end",
            "observed_at": f"to_timestamp({observed_s})",
            "title": title,
            "body": body,
            "url": f"case when {is_post} then nullif(url, '') end",
            "permalink": permalink,
            "tags": "list_filter([nullif(link_flair_text, ''), case when over_18 = 'true' then 'nsfw' end, "
            "case when spoiler = 'true' then 'spoiler' end], tag -> tag is not null)",
            "author_key": f"case when not {author_gone} then {author_key_sql(author_key, PLATFORM, 'author')} end",
            "author_role": f"coalesce({role_sql}, {moderator}, 'member')",
            "score": "round(coalesce(score, ups))",
            "reply_count": f"case when {is_post} then round(num_comments) end",
            "award_count": "round(coalesce(total_awards_received, gilded))",
            "view_count": "round(view_count)",
            "share_count": "round(num_crossposts)",
            "reactions": "null",
            "removal": removal,
            "source": f"'{source}'",
            "load_id": "''",
            "extra": _extra_sql() if with_extra else "null",
        }
    )


def _extra_sql() -> str:
    """The allow-listed fields that are there, as one JSON object; a merge patch drops the NULLs."""
    fields = ", ".join(f"'{field}', {field}" for field in EXTRA_FIELDS)
    return f"nullif(cast(json_merge_patch('{{}}', json_object({fields})) as varchar), '{{}}')"
