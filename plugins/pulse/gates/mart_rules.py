"""Gate 2's rules: queries for rows that must not exist, over the marts as built and the raw data beneath.

Most reconcile parts with wholes: the same thing counted two ways must come out equal. Tolerances are zero throughout,
because every figure here is a count of the same rows; where a rule only warns, its reason says why.

``mart`` in a query is the rule's own table; other tables are named in full. ``{affected}`` is a condition on
``contribution_date``: the dates that the build touched; true after a full one. ``{affected_partitions}`` says the same
of the raw partitions that can hold such rows. ``{model_id}`` is the sentiment model in the marts.
"""

from dataclasses import dataclass

from pulse.gates.rules import Level, Severity


@dataclass(frozen=True)
class MartRule:
    """A query for rows that must not exist.

    Attributes:
        table: the mart it is about, schema included.
        query: DuckDB SQL; selects names, dates and numbers only, for the rows show in the Data Docs.
        reason: why the rule is there.
    """

    name: str
    table: str
    query: str
    reason: str
    severity: Severity = "critical"
    level: Level = "mart"


def _adds_up(parts: str, counted: str, *, where: str, of: str = "marts.fct_contributions") -> str:
    """Communities whose rows of the mart do not add up to their contributions.

    Args:
        parts: what a row of the mart is.
        counted: how many contributions a row stands for.
        where: which contributions the rows stand for together.
        of: the table of contributions; marts show who wrote only where terms allow it, so those below marts are asked.
    """
    return f"""
        , {parts} as (
            select platform, community, sum({counted}) as rows_n from mart group by platform, community
        ),
        counted as (
            select platform, community, count(*) as rows_n from {of}
            where {where} group by platform, community
        )
        select coalesce({parts}.platform, counted.platform) as platform,
            coalesce({parts}.community, counted.community) as community,
            {parts}.rows_n as {parts}_n, counted.rows_n as contributions_n
        from {parts} full outer join counted
            on {parts}.platform = counted.platform and {parts}.community = counted.community
        where {parts}.rows_n is distinct from counted.rows_n
    """


MART_RULES: tuple[MartRule, ...] = (
    MartRule(
        "something_was_built",
        "marts.fct_contributions",
        """
        select (select count(*) from mart) as contributions_n
        where (select count(*) from mart) = 0
            and exists (select 1 from staging.stg_contributions)
        """,
        "Every other rule holds over nothing. Empty marts are right only while raw is empty.",
    ),
    MartRule(
        "contributions_are_those_of_raw",
        "marts.fct_contributions",
        """
        , built as (
            select platform, community, contribution_date, count(*) as rows_n
            from mart where {affected} group by platform, community, contribution_date
        ),
        raw as (
            select platform, community, contribution_date, count(distinct contribution_id) as rows_n
            from staging.int_observations where {affected} and {affected_partitions}
            group by platform, community, contribution_date
        )
        select coalesce(built.platform, raw.platform) as platform,
            coalesce(built.community, raw.community) as community,
            coalesce(built.contribution_date, raw.contribution_date) as contribution_date,
            built.rows_n as built_n, raw.rows_n as raw_n
        from built full outer join raw
            on built.platform = raw.platform and built.community = raw.community
            and built.contribution_date = raw.contribution_date
        where built.rows_n is distinct from raw.rows_n
        """,
        "What passed gate 1 must be in the marts, each contribution once, on the day it was written (the earlier one "
        "where loads tell two).",
    ),
    MartRule(
        "days_add_up_to_contributions",
        "marts.fct_community_daily",
        """
        , counted as (
            select platform, community, contribution_date, count(*) as rows_n,
                count(case when is_looked_at then score end) as score_n,
                sum(case when is_looked_at then score end) as score_sum,
                count(case when is_looked_at and removal <> 'none' then 1 end) as removed_n,
                count(case when not is_looked_at then 1 end) as unproven_n
            from marts.fct_contributions where {affected} group by platform, community, contribution_date
        )
        select counted.platform, counted.community, counted.contribution_date,
            coalesce(mart.posts, 0) + coalesce(mart.comments, 0) + coalesce(mart.messages, 0)
                + mart.unproven_n as daily_n,
            counted.rows_n
        from counted left join mart
            on counted.platform = mart.platform and counted.community = mart.community
            and counted.contribution_date = mart.contribution_date
        where coalesce(mart.posts, 0) + coalesce(mart.comments, 0) + coalesce(mart.messages, 0) + mart.unproven_n
            is distinct from counted.rows_n
            or mart.unproven_n is distinct from counted.unproven_n
            or mart.score_observed_n is distinct from counted.score_n
            or mart.score_sum is distinct from counted.score_sum
            or coalesce(mart.removed <> counted.removed_n, false)
        """,
        "The daily mart is a sum over contributions; what differs was lost, or counted twice, in a partial build.",
    ),
    MartRule(
        "days_claim_nothing_unseen",
        "marts.fct_community_daily",
        """
        select platform, community, contribution_date, posts, comments, messages
        from mart
        where {affected} and coalesce(posts, 0) + coalesce(comments, 0) + coalesce(messages, 0) > 0 and not exists (
            select 1 from marts.fct_contributions as seen
            where seen.platform = mart.platform and seen.community = mart.community
                and seen.contribution_date = mart.contribution_date
        )
        """,
        "A date whose rows vanished from raw must vanish from the counts too.",
    ),
    MartRule(
        "observations_and_contributions_agree",
        "marts.fct_observations",
        """
        , seen as (
            select platform, community, contribution_id, max(observed_at) as last_at, min(observed_at) as first_at
            from mart where {affected} group by platform, community, contribution_id
        ),
        known as (select * from marts.fct_contributions where {affected})
        select coalesce(seen.platform, known.platform) as platform,
            coalesce(seen.community, known.community) as community,
            coalesce(seen.contribution_id, known.contribution_id) as contribution_id
        from seen full outer join known
            on seen.platform = known.platform and seen.community = known.community
            and seen.contribution_id = known.contribution_id
        where seen.last_at is distinct from known.last_observed_at
            or seen.first_at is distinct from known.first_observed_at
        """,
        "The latest state must be that of the latest observation; nothing may be seen without being known.",
    ),
    MartRule(
        "threads_add_up_to_contributions",
        "marts.fct_threads",
        _adds_up("threads", "contributions", where="kind <> 'message'"),
        "Every post and comment hangs in exactly one thread; messages of a chat hang in none.",
    ),
    MartRule(
        "conversations_add_up_to_messages",
        "marts.fct_conversations",
        _adds_up("conversations", "messages", where="kind = 'message' and is_looked_at"),
        "Every message that was looked at is in exactly one conversation.",
    ),
    MartRule(
        "contributors_add_up_to_contributions",
        "intermediate.int_contributors",
        _adds_up(
            "people",
            "posts + comments + messages",
            where="author_key is not null and not is_unproven",
            of="intermediate.int_contributions_latest",
        ),
        "Whoever wrote is in the dimension with everything they wrote.",
    ),
    MartRule(
        "new_contributors_are_new_once",
        "marts.fct_community_daily",
        """
        , people as (
            select platform, community, new_contributor_date as contribution_date, count(*) as people_n
            from intermediate.int_contributors where is_contributor group by platform, community, new_contributor_date
        )
        select coalesce(mart.platform, people.platform) as platform,
            coalesce(mart.community, people.community) as community,
            coalesce(mart.contribution_date, people.contribution_date) as contribution_date,
            mart.new_contributors as new_n, people.people_n
        from mart full join people on mart.platform = people.platform and mart.community = people.community
            and mart.contribution_date = people.contribution_date
        where mart.contribution_date is null or mart.new_contributors <> coalesce(people.people_n, 0)
        """,
        "Each person is new on exactly one day; late history moves that day and must leave no second one. Days before "
        "which too little was looked at tell of nobody.",
    ),
    MartRule(
        "communities_are_all_there",
        "marts.dim_communities",
        """
        , counted as (
            select platform, community, count(case when is_looked_at then 1 end) as rows_n
            from marts.fct_contributions group by platform, community
        )
        select counted.platform, counted.community, counted.rows_n,
            coalesce(mart.posts, 0) + coalesce(mart.comments, 0) + coalesce(mart.messages, 0) as dimension_n
        from counted left join mart on counted.platform = mart.platform and counted.community = mart.community
        where mart.community is null
            or coalesce(mart.posts, 0) + coalesce(mart.comments, 0) + coalesce(mart.messages, 0)
                is distinct from counted.rows_n
        """,
        "Joins to the dimension must lose nothing.",
    ),
    MartRule(
        "community_sizes_are_the_last_seen",
        "marts.fct_community_size_daily",
        """
        , seen as (
            select platform, community, observation_date, max(observed_at) as last_at
            from staging.stg_community_observations group by platform, community, observation_date
        )
        select coalesce(mart.platform, seen.platform) as platform,
            coalesce(mart.community, seen.community) as community,
            coalesce(mart.observation_date, seen.observation_date) as observation_date,
            mart.observed_at, seen.last_at
        from mart full outer join seen
            on mart.platform = seen.platform and mart.community = seen.community
            and mart.observation_date = seen.observation_date
        where mart.observed_at is distinct from seen.last_at
        """,
        "Every day on which a community was seen is there once, as it was seen last.",
    ),
    MartRule(
        "sentiment_classes_add_up",
        "marts.fct_sentiment_daily",
        """
        select platform, community, contribution_date, negative_n, neutral_n, positive_n, scored_n, contributions
        from mart
        where {affected} and (
            negative_n + neutral_n + positive_n <> scored_n or scored_n > contributions
            or coalesce(not net_sentiment between -1 and 1 or isnan(net_sentiment), false)
            or (net_sentiment is null) is distinct from coalesce(contains(caveat, 'small_n'), false)
            or (net_sentiment is null) <> (net_sentiment_low is null or net_sentiment_high is null)
        )
        """,
        "Three classes make the whole; a net of too few is unknown, not zero, and the row says so.",
    ),
    MartRule(
        "sentiment_is_of_the_days_contributions",
        "marts.fct_sentiment_daily",
        """
        , counted as (
            select platform, community, contribution_date, count(*) as rows_n
            from marts.fct_contributions
            where {affected} and is_looked_at and author_role not in ('bot', 'team')
            group by platform, community, contribution_date
        )
        select coalesce(mart.platform, counted.platform) as platform,
            coalesce(mart.community, counted.community) as community,
            coalesce(mart.contribution_date, counted.contribution_date) as contribution_date,
            mart.contributions, counted.rows_n
        from (select * from mart where {affected}) as mart full outer join counted
            on mart.platform = counted.platform and mart.community = counted.community
            and mart.contribution_date = counted.contribution_date
        where mart.contributions is distinct from counted.rows_n
        """,
        "The share not scorable is only true if the whole is.",
    ),
    MartRule(
        "every_text_was_judged",
        "marts.fct_contributions",
        """
        select texts.platform, texts.community, texts.contribution_date, count(*) as unjudged_n
        from staging.int_observations as texts
        where texts.text_sha256 is not null and {affected} and {affected_partitions} and not exists (
            select 1 from staging.stg_text_scores as scores
            where scores.platform = texts.platform and scores.community = texts.community
                and scores.contribution_id = texts.contribution_id and scores.text_sha256 = texts.text_sha256
                and scores.model_id = '{model_id}'
        )
        group by texts.platform, texts.community, texts.contribution_date
        """,
        "A text that was never given to the scorer would silently count as not scorable.",
    ),
    MartRule(
        "ages_are_the_ages_asked_for",
        "marts.fct_engagement_at_age",
        """
        select platform, community, contribution_id, age_label, observed_age_h
        from mart
        where {affected} and not coalesce(case when age_label = 'settled' then observed_age_h >= target_age_h
            else observed_age_h between 0.75 * target_age_h and 1.25 * target_age_h end, false)
        union all
        select platform, community, contribution_id, max(age_label) as age_label, max(observed_age_h) as observed_age_h
        from mart where {affected} group by platform, community, contribution_id, observed_at having count(*) > 1
        """,
        "An engagement at 24 h that was seen at 40 h is another figure, and so is one that serves two ages.",
    ),
    MartRule(
        "removed_text_is_gone",
        "marts.fct_contributions",
        """
        select platform, community, contribution_id, removal
        from mart where {affected} and removal <> 'none' and (title is not null or body is not null)
        """,
        "Who deleted something took it back, and what moderators removed is not for show: it must not be read here.",
    ),
    MartRule(
        "authors_are_pseudonyms",
        "intermediate.int_contributors",
        """
        select platform, community, length(author_key) as length_n
        from mart where not regexp_matches(author_key, '^[0-9a-f]{{64}}$')
        """,
        "Anything else may be a clear name.",
    ),
    MartRule(
        "complete_days_have_counts",
        "marts.fct_community_daily",
        """
        select platform, community, contribution_date, outcome
        from mart
        where (is_posts_complete and posts is null) or (is_comments_complete and comments is null)
            or (is_messages_complete and messages is null)
            or (is_day_complete and coalesce(outcome not in ('arrived', 'empty'), true))
            or (is_day_complete and not is_posts_complete and not is_comments_complete and not is_messages_complete)
        """,
        "A complete day knows its numbers, zero included.",
    ),
    MartRule(
        "only_what_was_looked_at_is_known",
        "marts.fct_community_daily",
        """
        , looked_at as (
            select platform, community, contribution_date,
                count(case when kind = 'post' and is_looked_at then 1 end) as posts_n,
                count(case when kind = 'comment' and is_looked_at then 1 end) as comments_n,
                count(case when kind = 'message' and is_looked_at then 1 end) as messages_n,
                count(case when kind = 'post' and is_whole then 1 end) as whole_posts_n,
                count(case when kind = 'comment' and is_whole then 1 end) as whole_comments_n,
                count(case when kind = 'message' and is_whole then 1 end) as whole_messages_n
            from intermediate.int_coverage group by platform, community, contribution_date
        )
        select mart.platform, mart.community, mart.contribution_date, mart.posts, mart.comments, mart.messages,
            looked_at.posts_n as posts_looked_at, looked_at.comments_n as comments_looked_at,
            looked_at.messages_n as messages_looked_at
        from mart left join looked_at
            on mart.platform = looked_at.platform and mart.community = looked_at.community
            and mart.contribution_date = looked_at.contribution_date
        where (mart.posts is not null) <> (coalesce(looked_at.posts_n, 0) > 0)
            or (mart.comments is not null) <> (coalesce(looked_at.comments_n, 0) > 0)
            or (mart.messages is not null) <> (coalesce(looked_at.messages_n, 0) > 0)
            or mart.is_posts_complete <> (coalesce(looked_at.whole_posts_n, 0) > 0)
            or mart.is_comments_complete <> (coalesce(looked_at.whole_comments_n, 0) > 0)
            or mart.is_messages_complete <> (coalesce(looked_at.whole_messages_n, 0) > 0)
        """,
        "A number that nobody looked at must be unknown, never zero and never a count of strays.",
    ),
    MartRule(
        "months_know_no_more_than_their_days",
        "marts.fct_community_monthly",
        """
        , days as (
            select platform, community, cast(date_trunc('month', contribution_date) as date) as month_start_date,
                count(posts) as posts_days_n, count(comments) as comments_days_n, count(messages) as messages_days_n,
                count(case when is_posts_complete then 1 end) as whole_posts_n,
                count(case when is_comments_complete then 1 end) as whole_comments_n,
                count(case when is_messages_complete then 1 end) as whole_messages_n
            from marts.fct_community_daily group by all
        )
        select mart.platform, mart.community, mart.month_start_date, mart.days_posts_known_n,
            mart.days_comments_known_n, mart.days_messages_known_n, days.posts_days_n, days.comments_days_n,
            days.messages_days_n
        from mart left join days
            on mart.platform = days.platform and mart.community = days.community
            and mart.month_start_date = days.month_start_date
        where mart.community <> '*' and (
            mart.days_posts_known_n is distinct from days.posts_days_n
            or mart.days_comments_known_n is distinct from days.comments_days_n
            or mart.days_messages_known_n is distinct from days.messages_days_n
            or mart.days_posts_complete_n is distinct from days.whole_posts_n
            or mart.days_comments_complete_n is distinct from days.whole_comments_n
            or mart.days_messages_complete_n is distinct from days.whole_messages_n
            or (mart.posts is not null) <> (days.posts_days_n > 0)
            or (mart.comments is not null) <> (days.comments_days_n > 0)
            or (mart.messages is not null) <> (days.messages_days_n > 0)
        )
        """,
        "What no day of a month knows, the month cannot know.",
    ),
    MartRule(
        "shares_are_shares",
        "marts.fct_community_daily",
        """
        select platform, community, contribution_date, removal_share, communities_arrived_share
        from mart
        where coalesce(not removal_share between 0 and 1 or isnan(removal_share), false)
            or coalesce(not communities_arrived_share between 0 and 1 or isnan(communities_arrived_share), false)
        """,
        "A share beyond its bounds, or one that is no number, has a wrong whole.",
    ),
    MartRule(
        "contributions_lie_on_days_that_were_looked_at",
        "marts.fct_community_daily",
        """
        select platform, community, contribution_date, unproven_n
        from mart where {affected} and unproven_n > 0
        """,
        "Contributions came of a day and kind that no source looked at: stray records, or data brought before coverage "
        "was kept. They are in fct_contributions and in no figure. It only warns, because nothing is wrong with the "
        "rest.",
        severity="warning",
    ),
    MartRule(
        "no_day_is_silent_everywhere",
        "marts.fct_community_daily",
        """
        select contribution_date, platform, count(*) as communities_n
        from mart where {affected} and is_silent_everywhere group by contribution_date, platform
        order by contribution_date desc, platform
        """,
        "All communities of a source fell silent on one day, though they usually do not: an outage of the source or of "
        "the platform is likelier than that. The zeros stay, rates per day leave the day out; load it again once the "
        "source is well.",
        severity="warning",
    ),
)
