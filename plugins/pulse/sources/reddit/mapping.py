"""What Reddit's own fields mean in the contract: the one mapping for every route to Reddit.

A route hands over records as newline-delimited JSON in Reddit's shape (archives, and pages of the API); DuckDB reads
the fields named here and nothing else, and one select list turns them into contract columns. There is no Python per
record, and two routes cannot disagree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pulse.core.contract import projection
from pulse.platforms import profiles
from pulse.platforms.names import author_key_sql, canonical_name, canonical_name_sql
from pulse.platforms.reddit_notices import notice_sql
from pulse.sources.lines import ndjson
from pulse.sources.lines.ndjson import Chunk, Fault, LineTooLong, Record, number_in

PLATFORM = "reddit"
# Raised whenever the mapping changes what rows come out, so that staged archives are read again.
MAPPING_VERSION = 3

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
# Read as text because their type changes from year to year: `edited` is false or a time, `parent_id` text or a number.
_MIXED_FIELDS = ("edited", "parent_id", "over_18", "spoiler", "score_hidden", "removal_reason", "_meta")
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
# No count on Reddit comes near; what is larger would not fit into the contract's whole numbers.
_LARGEST_NUMBER = 10**15
# Parsed JSON takes many times the room of its text, for some 2,000 rows at once: long text is not parsed in bulk.
_LONGEST_JSON_CHARS = 10_000

# Reddit writes the first three of these in all texts of an answer, unless it is asked for `raw_json=1`. PRAW asks so;
# Pushshift and Arctic Shift do not. The others are what programs write that do the same to text once.
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&quot;": '"', "&#34;": '"', "&#39;": "''", "&#x27;": "''", "&apos;": "''"}
# Where a removal was the author's own: `removed_by_category`, and `removal_type` of Arctic Shift.
_OWN_REMOVALS = "('author', 'deleted', 'deleted by user')"


@dataclass(frozen=True)
class RedditMapping:
    """The meaning of Reddit's records on one route; see :class:`pulse.sources.lines.mapping.Mapping`.

    Attributes:
        author_key: key material.
        is_encoded: whether Reddit wrote entities for &, < and > in the texts.
        with_extra: whether to keep the allow-listed further fields.
        unobservable: columns of the contract that the route cannot see, whatever the record says.
        counts_settle_after_s: where a record is shown as it was when it was written until somebody looks again after so
            many seconds: its counts are placeholders until then, and NULL, and what it says is of the answer's time.
            None where counts are always counts.
    """

    source: str
    author_key: bytes = field(repr=False)
    is_encoded: bool
    with_extra: bool
    unobservable: tuple[str, ...] = ()
    counts_settle_after_s: int | None = None

    version = MAPPING_VERSION
    known_fields = KNOWN_FIELDS
    record_limit = "one JSON object per line, with id, subreddit and created_utc"

    def chunks(self, path: Path, *, chunk_bytes: int, scratch: Path) -> Iterator[Chunk | LineTooLong]:  # noqa: ARG002
        """The file's own lines."""
        return ndjson.read_chunks(path, chunk_bytes=chunk_bytes)

    def raw_columns(self) -> dict[str, str]:
        """DuckDB type by field, for ``read_json``; fields that a record lacks come as NULL."""
        columns = dict.fromkeys(_NUMBER_FIELDS, "DOUBLE") | dict.fromkeys((*_TEXT_FIELDS, *_MIXED_FIELDS), "VARCHAR")
        return columns | (dict.fromkeys(EXTRA_FIELDS, "JSON") if self.with_extra else {})

    def needs_slow_look_sql(self) -> str:
        """Whether a record that the bulk reader took must be looked at by itself: nothing it reads is a surprise.

        True where a required field is missing or absurd, and where a text field may have held something else than text
        (the bulk reader turns objects, numbers and booleans into text without a word). Whatever :meth:`check_record`
        finds bad must be true here, or be refused by the bulk reader.
        """
        missing = (
            "coalesce(id, '') = '' or coalesce(subreddit, '') = '' "
            f"or not coalesce(created_utc between {EARLIEST_S} and {LATEST_S}, false) "
            "or (title is null and coalesce(link_id, '') = '')"
        )
        # NaN is greater than every number, so it is not within the limit either.
        odd_number = " or ".join(
            f"not (abs({field}) <= {_LARGEST_NUMBER})" for field in _NUMBER_FIELDS if field != "created_utc"
        )
        odd_text = " or ".join(_may_be_no_text_sql(field) for field in (*_TEXT_FIELDS, "parent_id"))
        return f"(({missing}) or coalesce({odd_number}, false) or coalesce({odd_text}, false))"

    def check_record(self, record: Record) -> Fault | None:
        """The slow look at one parsed record: the fault that makes it unusable, or None.

        Keys that the bulk reader does not read are not looked at: whatever they hold cannot matter.
        """
        fields = self.raw_columns()
        repeated = [name for name in record.repeated if name in fields]
        if repeated:
            return Fault("duplicate_key", ", ".join(repeated))
        return _odd_number(record) or _odd_text(record) or _missing(record)

    def place_of(self, record: Record) -> tuple[str | None, float | None]:
        """Community and time of creation."""
        subreddit, created_s = record.get("subreddit"), number_in(record.get("created_utc"))
        community = None
        if isinstance(subreddit, str) and subreddit:
            community = community_name(self.author_key, subreddit)
        is_possible = created_s is not None and EARLIEST_S <= created_s <= LATEST_S
        return community, created_s if is_possible else None

    def identified_sql(self, rows_sql: str) -> str:
        """Select the fields of :meth:`raw_columns`, and what tells whose, what and of when a record is.

        Cheap to prepare: what only counts records reads this instead of :meth:`understood_sql`.
        """
        # One look into `_meta`, which may hold anything.
        paths = "['$.retrieved_2nd_on', '$.was_deleted_later', '$.was_initially_deleted', '$.removal_type']"
        meta = (
            f"case when length(_meta) > {_LONGEST_JSON_CHARS} then null when json_valid(_meta) "
            f"then json_extract_string(_meta, {paths}) end"
        )
        return f"""
            select *, try_cast(meta[1] as double) as seen_again_s
            from (
                select *,
                       title is not null as is_post,
                       case when title is not null then 'post' else 'comment' end as kind,
                       created_utc as created_s,
                       {meta} as meta,
                       {profiles.kept_name_sql(self.author_key, PLATFORM, canonical_name_sql(PLATFORM, "subreddit"))}
                           as community_name,
                       {canonical_name_sql(PLATFORM, "author")} as author_name
                from ({rows_sql})
            )
        """

    def understood_sql(self, rows_sql: str) -> str:
        """Select the columns of :meth:`identified_sql`, and what several columns of the contract are made of.

        Step by step, because what stands in an expression twice is planned, and may be reckoned, twice.
        """
        texts = {"link_flair_text": "link_flair_text", "url": "url", "permalink": "permalink", "title": "title"}
        texts["told"] = "case when title is not null then selftext else body end"
        decoded = ", ".join(f"{_decoded_sql(sql) if self.is_encoded else sql} as {name}" for name, sql in texts.items())
        return f"""
            select * exclude (meta, notice, title_notice), {_removal_sql()} as removal
            from (
                select *,
                       {notice_sql("told")} as notice,
                       {notice_sql("title")} as title_notice
                from (
                    select * exclude (title, link_flair_text, url, permalink), {decoded}
                    from ({self.identified_sql(rows_sql)})
                )
            )
        """

    def seen_at_sql(self, fallback_s: float) -> str:
        """When a record of :meth:`identified_sql` was seen, in seconds since 1970; the fallback where it does not say.

        What Arctic Shift sees at its second look are the counts.
        """
        seen_s = ", ".join(_time_sql(seconds) for seconds in ("seen_again_s", "retrieved_on", "retrieved_utc"))
        return f"coalesce({seen_s}, {fallback_s!r})"

    def contract_select(self, *, role_sql: str, observed_fallback_s: float) -> str:
        """Select list from :meth:`understood_sql` to the contract's columns.

        Args:
            role_sql: expression for ``author_role`` apart from moderators, NULL where no account is listed.
            observed_fallback_s: seconds since 1970 to take as ``observed_at`` where a record does not say when it was
                seen.

        ``load_id`` is left empty: a load fills it in.
        """
        author_gone = "(author is null or author in ('', '[deleted]', '[removed]'))"
        author_key = author_key_sql(self.author_key, PLATFORM, "author")
        moderator = "case when distinguished in ('moderator', 'admin') then 'moderator' end"
        edited_s = "try_cast(edited as double)"
        counted = self._counted_sql(observed_fallback_s)
        seen_s = f"coalesce({counted.format(self.seen_at_sql(observed_fallback_s))}, {observed_fallback_s!r})"
        observed_s = f"greatest(created_utc, {seen_s})"
        thread = "case when starts_with(link_id, 't3_') then link_id else 't3_' || link_id end"
        # Some years give the parent as a number (a table program may have made it 123.0): Reddit's ids are numbers
        # written in base 36.
        parent_number = "try_cast(regexp_extract(parent_id, '^([0-9]{1,18})([.]0)?$', 1) as bigint)"
        parent = (
            "case when coalesce(parent_id, '') = '' then null "
            "when regexp_matches(parent_id, '^t[0-9]_') then parent_id "
            f"else 't1_' || coalesce(lower(to_base({parent_number}, 36)), parent_id) end"
        )
        made_permalink = (
            "'/r/' || subreddit || '/comments/' || "
            "case when is_post then id else regexp_replace(link_id, '^t3_', '') || '/_/' || id end || '/'"
        )
        permalink = _unless_profile_sql(f"coalesce(nullif(permalink, ''), {made_permalink})")
        link = _unless_profile_sql("nullif(url, '')")
        # What was taken back leaves nothing of what it said: an address spells the title, a label may too.
        kept = "case when removal = 'none' then {} end"
        return projection(
            overrides={
                "platform": f"'{PLATFORM}'",
                "community": "community_name",
                "contribution_id": "case when is_post then 't3_' else 't1_' end || id",
                "kind": "kind",
                "thread_id": f"case when is_post then 't3_' || id else {thread} end",
                "parent_id": f"case when is_post then null else coalesce({parent}, {thread}) end",
                "created_at": "to_timestamp(created_utc)",
                "edited_at": f"to_timestamp({_time_sql(edited_s)})",
                "observed_at": f"to_timestamp({observed_s})",
                "title": kept.format("nullif(title, '')"),
                "body": kept.format("nullif(told, '')"),
                "url": kept.format(f"case when is_post then {link} end"),
                "permalink": kept.format(permalink),
                "tags": "case when removal <> 'none' then [] else list_filter([nullif(link_flair_text, ''), "
                "case when over_18 = 'true' then 'nsfw' end, case when spoiler = 'true' then 'spoiler' end], "
                "tag -> tag is not null) end",
                "author_key": f"case when not {author_gone} then {author_key} end",
                "author_role": f"coalesce({role_sql}, {moderator}, 'member')",
                # While a community hides a young comment's score, Reddit shows 1 instead.
                "score": counted.format(
                    "case when score_hidden = 'true' then null else round(coalesce(score, ups)) end"
                ),
                "upvote_ratio": counted.format("upvote_ratio"),
                "reply_count": counted.format("case when is_post then round(num_comments) end"),
                "award_count": "round(coalesce(total_awards_received, gilded))",
                "view_count": "round(view_count)",
                "share_count": counted.format("round(num_crossposts)"),
                "reactions": "null",
                "removal": "removal",
                "source": f"'{self.source}'",
                "load_id": "''",
                "extra": kept.format(_extra_sql()) if self.with_extra else "null",
                "channel": "null",
                "is_accepted_answer": "null",
            }
            | dict.fromkeys(self.unobservable, "null")
        )

    def _counted_sql(self, seen_fallback_s: float) -> str:
        """A form for an expression, which is NULL where the record still holds placeholders of its counts."""
        if self.counts_settle_after_s is None:
            return "{}"
        seen_s = f"coalesce(retrieved_on, retrieved_utc, {seen_fallback_s!r})"
        is_settled = f"seen_again_s is not null or {seen_s} - created_utc >= {self.counts_settle_after_s}"
        return f"case when {is_settled} then {{}} end"


def community_name(key: bytes, name: str) -> str:
    """A community's name as rows carry it: canonical, and a pseudonym for a profile."""
    account = profiles.account_in(name)
    return canonical_name(PLATFORM, name) if account is None else profiles.pseudonym(key, PLATFORM, account)


def _may_be_no_text_sql(field: str) -> str:
    """Many titles, and all placeholders, lie in brackets; only what reads as JSON is worth a look.

    Nearly all values are told by their first byte, in few comparisons: the order is that of ASCII.
    """
    number = f"regexp_matches({field}, '^-?[0-9][0-9.eE+-]*$')"
    if field == "parent_id":  # which may be a number
        number = "false"
    json = (
        f"case when not (ends_with({field}, '}}') or ends_with({field}, ']')) then false "
        f"when length({field}) > {_LONGEST_JSON_CHARS} then true else json_valid({field}) end"
    )
    return (
        f"case when {field} < '[' then case when {field} between '0' and ':' or {field} between '-' and '.' "
        f"then {number} else false end "
        f"when {field} >= '\\' and {field} < '{{' then {field} in ('true', 'false') "
        f"when {field} < '|' then {json} else false end"
    )


def _odd_number(record: Record) -> Fault | None:
    for name in _NUMBER_FIELDS:
        value = record.get(name)
        number = number_in(value)
        if value is not None and number is None:
            return Fault("not_a_number", f"{name} is {type(value).__name__} {str(value)[:40]!r}")
        if number is not None and not abs(number) <= _LARGEST_NUMBER:
            return Fault("number_out_of_range", f"{name}, limit {_LARGEST_NUMBER}")
    return None


def _odd_text(record: Record) -> Fault | None:
    for name in _TEXT_FIELDS:
        value = record.get(name)
        if value is not None and not isinstance(value, str):
            return Fault("not_text", f"{name} is {type(value).__name__}")
    parent = record.get("parent_id")
    if isinstance(parent, bool | dict | list):
        return Fault("not_text", f"parent_id is {type(parent).__name__}")
    return None


def _missing(record: Record) -> Fault | None:
    created_s = number_in(record.get("created_utc"))
    if not record.get("id"):
        return Fault("missing_id")
    if created_s is None:
        return Fault("missing_created_utc")
    if not EARLIEST_S <= created_s <= LATEST_S:
        return Fault("created_utc_out_of_range", str(record["created_utc"]))
    if not record.get("subreddit"):
        return Fault("missing_subreddit")
    if record.get("title") is None and not record.get("link_id"):
        return Fault("neither_post_nor_comment", "no title and no link_id")
    return None


def _decoded_sql(text_sql: str) -> str:
    """Undo entities once: the ampersand's last, so that nothing is undone twice."""
    undone = text_sql
    for entity, character in (_ENTITIES | {"&amp;": "&"}).items():
        undone = f"replace({undone}, '{entity}', '{character}')"
    return f"case when contains({text_sql}, '&') then {undone} else {text_sql} end"


def _removal_sql() -> str:
    """Who took a contribution down, from all that says so.

    Arctic Shift looks twice: at once, and after some 36 hours. The text is that of the look at which there was one;
    ``was_deleted_later`` says that it was gone at the second, ``was_initially_deleted`` that it was gone at the first
    alone, so ``removed_by_category``, which is of the first, no longer holds
    (https://github.com/ArthurHeitmann/arctic_shift, file_content_explanations.md).
    """
    later = "lower(meta[2]) in ('true', '1')"
    restored = "lower(meta[3]) in ('true', '1')"
    category = f"(case when not coalesce({restored}, false) then nullif(removed_by_category, '') end)"
    kind = f"(case when not coalesce({restored}, false) or coalesce({later}, false) then lower(meta[4]) end)"
    return f"""
        case
            when lower({category}) in {_OWN_REMOVALS} or notice = 'by_author'
                or coalesce({kind}, case when {later} then 'deleted' end) in {_OWN_REMOVALS}
            then 'by_author'
            when {category} is not null or notice is not null or {kind} is not null or lower(removal_reason) = 'legal'
            then 'by_moderator'
            else coalesce(title_notice, 'none')
        end
    """


def _time_sql(seconds_sql: str) -> str:
    """The seconds if they are a time at all: an absurd time tells as little as none, and cannot be converted."""
    return f"case when {seconds_sql} between {EARLIEST_S} and {LATEST_S} then {seconds_sql} end"


def _unless_profile_sql(address_sql: str) -> str:
    """The address, unless it leads to an account's page and so names a person."""
    return f"case when not {profiles.leads_to_profile_sql(address_sql)} then {address_sql} end"


def _extra_sql() -> str:
    """The allow-listed fields that are there, as one JSON object.

    The values are JSON already. (A merge patch would drop NULLs inside them, and ends the process on deep nesting.)
    """
    values = {field: field for field in EXTRA_FIELDS}
    # Reddit's own "domain" of a text is its community: "self.u_name".
    values["domain"] = "case when not regexp_matches(domain, '^\"[a-z]+[.]u_', 'i') then domain end"
    fields = ", ".join(f"'\"{field}\":' || {value}" for field, value in values.items())
    return f"nullif('{{' || concat_ws(',', {fields}) || '}}', '{{}}')"
