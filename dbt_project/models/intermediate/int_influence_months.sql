{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

{#- Of what a person has, 0.85 is handed on each round; after twenty under 0.04 is left, which moves hardly anybody. -#}
{% set rounds, damping, landing = 20, 0.85, 0.15 %}
{#- Some old accounts, in no order, tell how many there are from which replies lead to somebody: all would be pairs. -#}
{% set trust_months, sources_n = 3, 16 %}

with

person_months as (

    select
        platform,
        community,
        month_start_date,
        author_key,
        activity_rank,
        contributions,
        new_contributor_date
    from {{ ref('int_contributor_months') }}
    where {{ may_rank_persons() }}

),

-- What somebody wrote before a month; the month itself says nothing of how established they were in it.
histories as (

    select
        *,
        coalesce(sum(contributions) over (
            partition by platform, community, author_key order by month_start_date
            rows between unbounded preceding and 1 preceding
        ), 0) as contributions_before_month
    from person_months

),

moderators as (

    select distinct platform, community, month_start_date, author_key
    from {{ ref('int_contributions_at_month_end') }}
    where author_role = 'moderator' and is_by_contributor and {{ is_proven() }}
        and {{ is_month_affected_or_later('month_start_date') }}

),

aged as (

    select
        histories.platform,
        histories.community,
        histories.month_start_date,
        histories.author_key,
        histories.activity_rank,
        -- One number for a person of a month: twenty joins by four columns would take much longer.
        row_number() over (
            order by histories.platform, histories.community, histories.month_start_date, histories.activity_rank
        ) as person,
        moderators.author_key is not null as is_moderator,
        moderators.author_key is not null
        or (
            histories.new_contributor_date
            <= {{ dbt.dateadd('day', -var('established_tenure_days'), 'histories.month_start_date') }}
            and histories.contributions_before_month >= {{ var('established_contributions') }}
        ) as is_old
    from histories
    left join moderators
        on histories.platform = moderators.platform
        and histories.community = moderators.community
        and histories.month_start_date = moderators.month_start_date
        and histories.author_key = moderators.author_key
    where {{ is_month_affected_or_later('histories.month_start_date') }}

),

-- Who replied to whom among old accounts, in the month and the two before.
named_edges as (

    select
        replied.platform,
        replied.community,
        replied.month_start_date,
        repliers.author_key as replier_key,
        answered.author_key as answered_key
    from {{ ref('int_reply_edges') }} as replied
    inner join person_months as repliers
        on replied.platform = repliers.platform
        and replied.community = repliers.community
        and replied.month_start_date = repliers.month_start_date
        and replied.replier = repliers.activity_rank
    inner join person_months as answered
        on replied.platform = answered.platform
        and replied.community = answered.community
        and replied.month_start_date = answered.month_start_date
        and replied.answered = answered.activity_rank

),

old_edges as (

    select distinct
        repliers.person as replier,
        answered.person as answered
    from aged as repliers
    inner join named_edges
        on repliers.platform = named_edges.platform
        and repliers.community = named_edges.community
        and repliers.author_key = named_edges.replier_key
        and named_edges.month_start_date
            between {{ dbt.dateadd('month', 1 - trust_months, 'repliers.month_start_date') }} and repliers.month_start_date
    inner join aged as answered
        on repliers.platform = answered.platform
        and repliers.community = answered.community
        and repliers.month_start_date = answered.month_start_date
        and named_edges.answered_key = answered.author_key
    where repliers.is_old and answered.is_old

),

sources as (

    select person
    from (
        select
            person,
            row_number() over (
                partition by platform, community, month_start_date order by md5(author_key)
            ) as source_place
        from aged
        where is_old
    ) as in_any_order
    where source_place <= {{ sources_n }}

),

reached as (

    {{ reached_from('sources', 'old_edges') }}

),

reaches as (

    select
        person,
        count(*) as sources_n
    from reached
    where source <> person
    group by person

),

-- A ring of accounts that waited until they were old vouches for itself. But whomever it flatters, replies lead to it from
-- itself alone: established are those to whom they lead from more than half as many old accounts as to anybody, and
-- moderators.
people as (

    select
        platform,
        community,
        month_start_date,
        author_key,
        activity_rank,
        person,
        is_moderator or (is_old and (most_n is null or 2 * coalesce(sources_n, 0) > most_n)) as is_established
    from (
        select
            aged.*,
            reaches.sources_n,
            max(reaches.sources_n) over (
                partition by aged.platform, aged.community, aged.month_start_date
            ) as most_n
        from aged
        left join reaches on aged.person = reaches.person
    ) as counted

),

established as (

    select
        platform,
        community,
        month_start_date,
        count(*) as established_n
    from people
    where is_established
    group by platform, community, month_start_date

),

edges as (

    select
        repliers.person as replier,
        answered.person as answered,
        repliers.is_established,
        count(*) over (partition by repliers.person) as answered_by_replier
    from {{ ref('int_reply_edges') }} as replied
    inner join people as repliers
        on replied.platform = repliers.platform
        and replied.community = repliers.community
        and replied.month_start_date = repliers.month_start_date
        and replied.replier = repliers.activity_rank
    inner join people as answered
        on replied.platform = answered.platform
        and replied.community = answered.community
        and replied.month_start_date = answered.month_start_date
        and replied.answered = answered.activity_rank

),

-- Only what established people reply to is handed on, and whoever jumps lands with one of them: what all others do, to
-- each other or to anybody, moves no rank.
walked as (

    select replier, answered, answered_by_replier from edges where is_established

),

landings as (

    select
        people.person,
        cast(round({{ landing }} / established.established_n, 12) as {{ rank_type() }}) as rank_amount
    from people
    inner join established
        on people.platform = established.platform
        and people.community = established.community
        and people.month_start_date = established.month_start_date
    where people.is_established

),

ranks as (

    {{ page_rank('landings', 'walked', damping, rounds) }}

),

repliers as (

    select
        answered as person,
        count(*) as repliers_n,
        count(case when is_established then 1 end) as established_repliers_n
    from edges
    group by answered

)

select
    people.platform,
    people.community,
    people.month_start_date,
    people.author_key,
    people.is_established,
    established.established_n,
    repliers.repliers_n,
    repliers.established_repliers_n,
    cast(coalesce(ranks.rank_amount, 0) as double) as page_rank,
    row_number() over (
        partition by people.platform, people.community, people.month_start_date
        order by repliers.established_repliers_n desc, coalesce(ranks.rank_amount, 0) desc, people.author_key
    ) as place
from repliers
inner join people on repliers.person = people.person
inner join established
    on people.platform = established.platform
    and people.community = established.community
    and people.month_start_date = established.month_start_date
left join ranks on repliers.person = ranks.person
where repliers.established_repliers_n > 0
