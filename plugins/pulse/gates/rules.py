"""The rules of both gates: one definition each, reviewed like code.

- A **row rule** is a predicate over one contract row. Rows for which it is not true are quarantined; the others go on.
- A **load rule** is a number about a whole load with the range it must lie in. Outside, the load goes no further.
- A **mart rule** (:mod:`pulse.gates.mart_rules`) is a query for rows that must not exist.

A predicate that comes out NULL counts as broken: NULL never passes by accident.
"""

from dataclasses import dataclass
from typing import Literal

from pulse.core.contract import AUTHOR_ROLES, CONTRACT_VERSION, KINDS, PROOFS, REMOVALS, text_sha256_sql

Severity = Literal["critical", "warning", "info"]
Level = Literal["row", "load", "mart"]


@dataclass(frozen=True)
class RowRule:
    """A predicate that every row must fulfil.

    Attributes:
        predicate: DuckDB SQL over contract columns, ``partition_day``, ``has_two_creation_times``, what the platform
            and the source say of the row (see ``row_columns``) and ``facts`` (see ``load_tables``).
        reason: why the rule is there, and why it is as strict as it is.
        is_waivable: whether a release may do without it; not where the steps after the gate rely on it, or privacy.
    """

    name: str
    predicate: str
    reason: str
    severity: Severity = "critical"
    level: Level = "row"
    is_waivable: bool = True


@dataclass(frozen=True)
class LoadRule:
    """A number about a load, and the range it must lie in.

    Attributes:
        metric: DuckDB SQL over the checked rows (``checked``) and the facts known beforehand (``facts``).
        minimum, maximum: limits, both included; None for none. The load's own limit where ``maximum`` is a fact's name.
        reason: why the rule is there, and where its tolerance comes from.
        is_waivable: as for row rules.
    """

    name: str
    metric: str
    reason: str
    minimum: float | None = None
    maximum: float | str | None = None
    severity: Severity = "critical"
    level: Level = "load"
    is_waivable: bool = True


@dataclass(frozen=True)
class Finding:
    """A rule that was broken: what was found, and what would have been accepted."""

    rule: str
    severity: Severity
    value: str
    limit: str
    message: str


def _one_of(values: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


ONE_CREATION_TIME = "contribution_has_one_creation_time"
_COUNTS = ("reply_count", "award_count", "view_count", "share_count")

ROW_RULES: tuple[RowRule, ...] = (
    RowRule(
        "contribution_id_is_well_formed",
        "contribution_id <> '' and length(contribution_id) <= 200 and is_id_well_formed",
        "Every join goes through the id; a platform's ids have one shape, and anything else is a mapping fault.",
    ),
    RowRule("kind_is_known", f"kind in {_one_of(KINDS)}", "Every count is by kind."),
    RowRule(
        "kind_matches_id",
        "is_id_of_its_kind",
        "Swapped columns or files show here first, where a platform's ids say what they are. A kind that the platform "
        "does not have has no ids there.",
    ),
    RowRule(
        "post_is_its_own_thread",
        "kind <> 'post' or (thread_id = contribution_id and parent_id is null)",
        "Threads are counted from their posts; a post that hangs from another would be counted twice.",
    ),
    RowRule(
        "comment_hangs_from_something",
        "kind <> 'comment' or (thread_id <> '' and parent_id <> '' and parent_id <> contribution_id "
        "and thread_id <> contribution_id and is_thread_id_well_formed)",
        "A comment without a thread cannot be placed. Its parent need not be in raw (an orphan is usual). A thread is "
        "named by its post: where comments name another comment instead, two columns changed places.",
    ),
    RowRule(
        "message_is_its_own_thread",
        "kind <> 'message' or (thread_id = contribution_id and title is null "
        "and parent_id is distinct from contribution_id)",
        "Chat stands in no thread: conversations are found by time and by what answers what. Only posts have a title.",
    ),
    RowRule(
        "community_is_the_entrys",
        "community <> '' and case when facts.is_wildcard then not list_contains(facts.named_elsewhere, community) "
        "else community = facts.community end",
        "Rows of another community would be counted in the wrong place, and published twice.",
    ),
    RowRule("platform_is_the_entrys", "platform = facts.platform", "See community_is_the_entrys."),
    RowRule(
        "source_and_load_are_named",
        "source = facts.source and load_id = facts.load_id",
        "Lineage: a row must be traceable to the load that brought it.",
    ),
    RowRule(
        "created_inside_its_partition",
        "case when facts.is_replayable then cast(timezone('UTC', created_at) as date) = partition_day "
        "else cast(timezone('UTC', created_at) as date) <= partition_day end "
        "and partition_day between facts.first_day and facts.last_day",
        "A shifted time zone moves rows across midnight; today's rows must never be filed under an old date. Builds of "
        "single dates skip the partitions before them, so that it cannot be waived.",
        is_waivable=False,
    ),
    RowRule(
        "created_at_is_plausible",
        "created_at >= facts.opened_at and created_at <= facts.checked_at",
        "Nothing was written before the platform opened, and nothing is written in the future.",
    ),
    RowRule(
        ONE_CREATION_TIME,
        "not has_two_creation_times",
        "A contribution is written once. Where a load tells two times (a second or more apart) for one id, one of them "
        "is wrong, and nobody can say which: all rows of that id are kept out, and where more than half of a "
        "community's rows in a wildcard's load are such, all of them. They count for no share, so that nobody else is "
        "stopped by them. Waived, the earlier time holds, as it does between loads.",
    ),
    RowRule(
        "observed_after_created",
        "observed_at >= created_at",
        "Ages are computed from both. Sources set a capture time that lies before creation to creation itself.",
    ),
    RowRule(
        "observed_before_now",
        "observed_at <= facts.checked_at + interval 10 minutes",
        "Ten minutes for clocks that disagree; more is a wrong unit or zone.",
    ),
    RowRule(
        "edited_after_created",
        "edited_at is null or edited_at >= created_at - interval 1 minute",
        "One minute: platforms round the two times differently.",
    ),
    RowRule(
        "author_key_is_a_hash",
        "author_key is null or regexp_matches(author_key, '^[0-9a-f]{64}$')",
        "Anything else may be a clear name, which must never get past the source.",
        is_waivable=False,
    ),
    RowRule(
        "author_role_is_known", f"author_role in {_one_of(AUTHOR_ROLES)}", "Who counts as contributor hangs on it."
    ),
    RowRule("removal_is_known", f"removal in {_one_of(REMOVALS)}", "Removal shares and tombstones hang on it."),
    RowRule(
        "counts_are_not_negative",
        " and ".join(f"coalesce({name}, 0) >= 0" for name in _COUNTS),
        "Only a score can be below zero. NULL means that the source cannot see it.",
    ),
    RowRule(
        "score_is_plausible",
        "abs(coalesce(score, 0)) <= 10000000",
        "The highest scores ever seen in communities are below one million; ten times that is a wrong column.",
    ),
    RowRule(
        "upvote_ratio_is_a_share",
        "upvote_ratio is null or (not isnan(upvote_ratio) and upvote_ratio between 0 and 1)",
        "NaN compares as greater than everything in DuckDB and slips through plain comparisons elsewhere.",
    ),
    RowRule(
        "text_is_bounded",
        "length(coalesce(title, '')) <= facts.longest_title_chars "
        "and length(coalesce(body, '')) <= facts.longest_body_chars",
        "More than the platform lets anybody write is a fault of a mapping. Where nothing is known, 2,000 characters "
        "of title and 200,000 of text.",
    ),
    RowRule(
        "comments_have_no_title",
        "kind <> 'comment' or title is null",
        "Only posts have one: a title on a comment is a body in the wrong column.",
    ),
    RowRule(
        "text_hash_matches",
        f"text_sha256 is not distinct from {text_sha256_sql('title', 'body')}",
        "Scores are found by the hash; without it a text would silently count as not scorable, with another's it would "
        "get that one's score. Erasure needs it too. Exact, because any other hash (an author key) has the same shape.",
        is_waivable=False,
    ),
    RowRule(
        "placeholders_are_not_text",
        "not is_notice",
        "Notices of the platform in place of a text that is gone, in whatever spelling, would be scored as what people "
        "say. The platform's list is the one that sources use, so a source that uses it never breaks the rule.",
    ),
    RowRule(
        "unobservable_is_null",
        "is_unobservable_null",
        "NULL means that the source cannot see it. A value where the source says so itself is a default or a wrong "
        "column, and figures would be made of it. Loads from before sources said what they see are not asked.",
    ),
    RowRule(
        "contract_version_is_known",
        f"contract_version between 1 and {CONTRACT_VERSION}",
        "A newer contract may mean other things by the same column.",
    ),
)

_ENOUGH_ROWS = 50
# Share of a file's lines that tell no community or no day; the larger of this and the entry's max_quarantined_share.
MAX_UNPLACED_SHARE = 0.05
UNPLACED_LIMIT = "max_unplaced_share"
# What one person may write of chat, and how much of it may have no text: more than in any real channel looked at.
_MOST_OF_CHAT_SHARE = 0.9
_SHORTEST_CUT_CHARS = 64

# What the two rules on community observations hold each of them to: predicates over the contract's second record and
# ``facts``. They are counted beforehand, since load rules look at contributions.
COMMUNITY_OBSERVATION_IS_THE_LOADS = (
    "platform = facts.platform and source = facts.source and load_id = facts.load_id and observed_at is not null "
    "and community <> '' and case when facts.is_wildcard then not list_contains(facts.named_elsewhere, community) "
    f"else community = facts.community end and contract_version between 1 and {CONTRACT_VERSION}"
)
COMMUNITY_OBSERVATION_IS_PLAUSIBLE = (
    "observed_at between facts.opened_at and facts.checked_at + interval 10 minutes "
    "and coalesce(members_n, 0) between 0 and 1000000000 and coalesce(active_n, 0) between 0 and 1000000000"
)

# The same for what was looked at, the contract's third record. ``*`` is a wildcard's own name.
COVERAGE_IS_THE_LOADS = (
    "platform = facts.platform and source = facts.source and load_id = facts.load_id "
    "and day between facts.first_day and facts.last_day "
    f"and kind in {KINDS} and proof in {PROOFS} and contract_version between 1 and {CONTRACT_VERSION} "
    "and case when proof = 'none' then looked_from is null and looked_to is null else "
    "looked_from < looked_to and looked_from >= timezone('UTC', cast(day as timestamp)) "
    "and looked_to <= timezone('UTC', cast(day + 1 as timestamp)) and looked_to <= facts.checked_at end "
    "and coalesce(counted_n, 0) >= 0 and community <> '' and case when facts.is_wildcard "
    "then not list_contains(facts.named_elsewhere, community) "
    "and (community = '*' or len(except_communities) = 0) "
    "else community = facts.community and len(except_communities) = 0 end"
)


def _share_or_most_of_chat(part: str, part_of_chat: str, *, of: str) -> str:
    """The share of a part in what is no chat, or in chat where it is nearly all of that; the larger of both.

    Args:
        of: what a part is a part of, as DuckDB SQL with ``{which}`` for which rows count.
    """
    whole, chat = of.format(which="not is_chat"), of.format(which="is_chat")
    return (
        f"greatest(case when {whole} < {_ENOUGH_ROWS} then 0 else {part} / {whole} end, "
        f"case when {chat} < {_ENOUGH_ROWS} or {part_of_chat} <= {_MOST_OF_CHAT_SHARE} * {chat} then 0 "
        f"else {part_of_chat} / {chat} end)"
    )


LOAD_RULES: tuple[LoadRule, ...] = (
    LoadRule(
        "schema_matches",
        "facts.schema_differences_n",
        "Columns and types are the contract's exactly; text where a time should be compares without a word.",
        maximum=0,
        is_waivable=False,
    ),
    LoadRule(
        "rows_or_proof",
        "case when facts.read_rows_n = 0 and facts.bad_lines_n = 0 and facts.unproven_days_n > 0 "
        "and not facts.is_never_seen then 1 else 0 end",
        "No rows are fine if the source proved that it listed the whole window, or says that nothing bears the name; "
        "otherwise nobody can tell.",
        maximum=0,
    ),
    LoadRule(
        "rows_match_manifest",
        "abs(facts.read_rows_n - facts.manifest_rows_n)",
        "What is gated must be what was sealed.",
        maximum=0,
    ),
    LoadRule(
        "community_observations_are_the_loads",
        "abs(facts.community_observations_n - facts.manifest_community_observations_n) "
        "+ facts.repeated_community_observations_n + facts.stray_community_observations_n",
        "As many as were sealed, none twice, each of the load's own community: anything else is a fault of the source, "
        "and raw files them by these names.",
        maximum=0,
        is_waivable=False,
    ),
    LoadRule(
        "community_observations_are_plausible",
        "facts.implausible_community_observations_n",
        "Members and active accounts are counts, seen in the past. The largest communities have some tens of millions; "
        "a billion is a wrong field. Ten minutes for clocks that disagree.",
        maximum=0,
    ),
    LoadRule(
        "coverage_is_the_loads",
        "abs(facts.coverage_rows_n - facts.manifest_coverage_rows_n) + facts.stray_coverage_rows_n "
        "+ facts.repeated_coverage_rows_n + facts.missing_coverage_rows_n",
        "What was looked at decides which zeros are true: as many rows as were sealed, for each day and kind of the "
        "window, of the load's own communities, within their day, in the past, none twice.",
        maximum=0,
        is_waivable=False,
    ),
    LoadRule(
        "quarantined_share",
        "(count(*) filter (where not is_accepted and contribution_has_one_creation_time) + facts.bad_lines_n) "
        "/ greatest(count(*) filter (where contribution_has_one_creation_time) + facts.bad_lines_n, 1)",
        "A few broken records are usual; more is a broken feed. The limit is the entry's max_quarantined_share. Rows "
        "that contradict each other's time of creation are left to contradicting_times_share.",
        maximum="max_quarantined_share",
    ),
    LoadRule(
        "contradicting_times_share",
        "case when facts.is_wildcard then 0 "
        "else count(*) filter (where not contribution_has_one_creation_time) / greatest(count(*), 1) end",
        "Where more than half of a community's rows tell two times of creation, one of its files is in another time "
        "zone, and what is left would be taken for all that there was. See contribution_has_one_creation_time.",
        maximum=0.5,
    ),
    LoadRule(
        "lines_add_up",
        "facts.unaccounted_lines_n",
        "Every line of a file that was read is a row, quarantined, skipped for a documented reason, or of another "
        "community or day; and rows and quarantined lines are as many as the load holds. A line of which nobody knows "
        "was lost on the way. Loads from before there were accounts have none to check.",
        maximum=0,
    ),
    LoadRule(
        "unplaced_lines_share",
        "facts.unplaced_lines_share",
        "Lines that tell no community or no day may be anybody's, so they count for no community's quarantined_share. "
        "Of the largest share among the load's files: where more than one line in twenty is such, a file is damaged, "
        "and nobody knows what it lacks. An entry that allows more by max_quarantined_share has that limit. A live "
        "source's answers are one file; one or two records there are chance.",
        maximum=UNPLACED_LIMIT,
    ),
    LoadRule(
        "no_repeated_observation",
        "count(*) filter (where is_accepted) "
        "- count(distinct (community, contribution_id, observed_at)) filter (where is_accepted)",
        "The same observation twice doubles every sum; sources leave exact repeats out. Rows that are kept out anyway "
        "double nothing.",
        maximum=0,
    ),
    LoadRule(
        "volume_days_out_of_band",
        "facts.days_below_band_n / greatest(facts.days_banded_n, 1)",
        "A day far below what its weekday brings has lost rows on the way. The median is of at least 4 same weekdays "
        "within 8 weeks, those under 20 left out; days proven empty do not count. Far is 5 spreads of the logarithms "
        "(1.4826 x MAD from their weekday's median, all weekdays together), and 5 roots of the median, which is "
        "chance. One in five days of a long window may fall below: holidays and outages of the platform.",
        maximum=0.2,
    ),
    LoadRule(
        "volume_days_above_band",
        "facts.days_above_band_n / greatest(facts.days_banded_n, 1)",
        "Five spreads of the logarithms above the weekday's median, and at least four times it: often news, so it "
        "only warns.",
        maximum=0.2,
        severity="warning",
    ),
    LoadRule(
        "one_author_share",
        _share_or_most_of_chat(
            "facts.top_author_rows_n",
            "facts.top_chat_author_rows_n",
            of="count(author_key) filter (where author_role <> 'bot' and {which})",
        ),
        f"Half of {_ENOUGH_ROWS} or more rows by one person is a flood, or a constant where names should be. Listed "
        f"bots do not count. Chat counts apart, and only above {_MOST_OF_CHAT_SHARE:g}: people write it in bursts, and "
        "on one busy day in twelve of a real server one person wrote more than half, up to 0.7.",
        maximum=0.5,
    ),
    LoadRule(
        "empty_text_share",
        "case when facts.is_text_observed then "
        + _share_or_most_of_chat(
            "count(*) filter (where text_sha256 is null and removal = 'none' and not is_chat)",
            "count(*) filter (where text_sha256 is null and removal = 'none' and is_chat)",
            of="count(*) filter (where {which})",
        )
        + " else 0 end",
        "Posts have titles and comments have bodies unless they were removed; a wave of empty ones is a lost column. "
        f"Chat counts apart, and only above {_MOST_OF_CHAT_SHARE:g}: a message may be a picture, a sticker or what a "
        "program embeds and no word, up to 0.7 of a real channel's month. A text that nobody may read is missing in "
        "nearly all.",
        maximum=0.2,
    ),
    LoadRule(
        "texts_cut_share",
        f"case when count(body_chars) < {_ENOUGH_ROWS} or max(body_chars) < {_SHORTEST_CUT_CHARS} then 0 "
        "else facts.longest_texts_n / count(body_chars) end",
        "Different texts that all end at the same, greatest length were cut there. People's texts hardly ever share "
        "their greatest length; at a platform's own limit one in ten may. Repeats of one text do not count, and under "
        f"{_SHORTEST_CUT_CHARS} characters lengths fall together by chance.",
        maximum=0.15,
    ),
    LoadRule(
        "strayed_permalink_share",
        f"case when count(*) < {_ENOUGH_ROWS} then 0 else count(*) filter (where is_permalink_strayed) / count(*) end",
        "An address names its community. One in ten that name another is a mixed-up or relabelled feed; single ones "
        "are left to people who move threads.",
        maximum=0.1,
    ),
    LoadRule(
        "scores_share_a_factor",
        f"""
        case
            when count(*) filter (where score <> 0) < {_ENOUGH_ROWS} and not coalesce(
                facts.least_score <> 0 and count(score) >= {_ENOUGH_ROWS} and bool_and(score = 0), false
            ) then 0
            when bool_and(score % 2 = 0) or bool_and(score % 3 = 0) or bool_and(score % 5 = 0)
                or bool_and(score % 7 = 0) then 1
            else 0
        end
        """,
        "Votes come one by one. Scores that are all even, or all multiples of 3, 5 or 7, were counted more than once, "
        "are in another unit, or are a constant: by chance not once in 10^15 loads. Nothing but zeros counts only "
        "where the platform begins a score elsewhere. A constant 1 is left alone: archives that look at once hold "
        "nothing else.",
        maximum=0,
    ),
    LoadRule(
        "score_missing_share",
        f"case when not facts.is_score_observed or count(*) filter (where is_scored) < {_ENOUGH_ROWS} then 0 "
        "else count(*) filter (where is_scored and score is null) / count(*) filter (where is_scored) end",
        "Where the source can see scores, a fifth missing is a renamed field. Some platforms show them of some kinds "
        "only. One that cannot is held to NULL by "
        "unobservable_is_null; loads from before sources said so are asked.",
        maximum=0.2,
    ),
    LoadRule(
        "one_moment_share",
        f"case when count(*) < {_ENOUGH_ROWS} then 0 else facts.top_moment_rows_n / count(*) end",
        "People do not write in the same second; a tenth of all rows doing so is a default value. In chat neither: at "
        "most 0.04 of any day of a real server.",
        maximum=0.1,
    ),
    LoadRule(
        "removed_share",
        f"case when count(*) < {_ENOUGH_ROWS} then 0 else count(*) filter (where removal <> 'none') / count(*) end",
        "Old archives have up to 0.8; almost everything removed is more likely a misread field.",
        maximum=0.97,
        severity="warning",
    ),
    LoadRule(
        "live_removed_share",
        f"case when facts.is_replayable or count(*) < {_ENOUGH_ROWS} then 0 "
        "else count(*) filter (where removal <> 'none') / count(*) end",
        "A live source mostly sees what stands there today. If next to nothing does, a field was misread, and raw "
        "would erase the texts it holds. What old archives hold may be gone for the most part: see removed_share.",
        maximum=0.95,
    ),
    LoadRule(
        "live_author_missing_share",
        f"case when facts.is_replayable or not facts.is_author_observed or count(*) < {_ENOUGH_ROWS} then 0 "
        "else count(*) filter (where author_key is null) / count(*) end",
        "Within a day or a month hardly any account is gone. Archives may lack authors altogether, and some live "
        "sources cannot see them.",
        maximum=0.95,
    ),
    LoadRule(
        "observed_late_h",
        "case when facts.is_replayable or facts.is_relay then 0 "
        "else coalesce(epoch(facts.end_at - max(observed_at)) / 3600, 0) end",
        "A live source looks after the window's end; an answer from before it is an old one, such as a cache gives. "
        "One hour for clocks that disagree. Archives are exempt, also those that are asked live.",
        maximum=1,
    ),
    LoadRule(
        "unknown_fields_n",
        "facts.unknown_keys_n",
        "New field names of the platform, for information: something may have been renamed.",
        maximum=150,
        severity="info",
    ),
)

WAIVABLE_RULES = frozenset(
    {
        *(rule.name for rule in ROW_RULES if rule.is_waivable),
        *(rule.name for rule in LOAD_RULES if rule.is_waivable),
    }
)
