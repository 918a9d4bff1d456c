{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

{#- Each round hands 0.85 of what a person has on to those whom the person replied to; 0.85^20 is under 0.04, and what the
    rest adds moves hardly anybody. -#}
{% set rounds = 20 %}
{% set damping, landing = 0.85, 0.15 %}
{#- Twelve digits make sums exact, so that the order of rows cannot show. -#}
{% set amount = 'decimal(18, 12)' %}

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

people as (

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
        moderators.author_key is not null
        or (
            histories.new_contributor_date
            <= {{ dbt.dateadd('day', -var('established_tenure_days'), 'histories.month_start_date') }}
            and histories.contributions_before_month >= {{ var('established_contributions') }}
        ) as is_established
    from histories
    left join moderators
        on histories.platform = moderators.platform
        and histories.community = moderators.community
        and histories.month_start_date = moderators.month_start_date
        and histories.author_key = moderators.author_key
    where {{ is_month_affected_or_later('histories.month_start_date') }}

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

-- Whoever jumps lands with an established account: what nobody established ever leads to has nothing.
landings as (

    select
        people.person,
        cast(round({{ landing }} / established.established_n, 12) as {{ amount }}) as rank_amount
    from people
    inner join established
        on people.platform = established.platform
        and people.community = established.community
        and people.month_start_date = established.month_start_date
    where people.is_established

),

ranks_0 as (

    select person, rank_amount from landings

),

-- What ends with who replied to nobody is left out and not spread again: with jumps to the same accounts that would
-- lengthen all amounts alike. A round reads the one before it once, or engines that copy CTEs would double it each time.
{% for round in range(1, rounds + 1) %}
handed_{{ round }} as (

    select
        edges.answered as person,
        cast(round({{ damping }} * cast(ranks.rank_amount as double) / edges.answered_by_replier, 12) as {{ amount }})
            as rank_amount
    from ranks_{{ round - 1 }} as ranks
    inner join edges on ranks.person = edges.replier
    union all
    select person, rank_amount from landings

),

ranks_{{ round }} as (

    select
        person,
        cast(sum(rank_amount) as {{ amount }}) as rank_amount
    from handed_{{ round }}
    group by person

),

{% endfor %}
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
left join ranks_{{ rounds }} as ranks on repliers.person = ranks.person
where repliers.established_repliers_n > 0
