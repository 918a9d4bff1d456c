{%- set window_days = var('turn_window_days') -%}

with

turns as (

    select * from {{ ref('fct_sentiment_turns') }}

),

contributions as (

    select * from {{ ref('fct_contributions') }} where {{ has_a_say() }} and sentiment_label is not null

),

-- Who wrote, of platforms too whose persons no mart shows: only one piece of each is taken.
authors as (

    select platform, community, contribution_id, author_key from {{ ref('int_contributions_latest') }}
    where author_key is not null

),

-- What is still there to read, of the mood that its side stands for.
telling as (

    select
        turns.platform,
        turns.community,
        turns.turn_date,
        case when contributions.contribution_date < turns.turn_date then 'before' else 'after' end as side,
        contributions.contribution_id,
        contributions.contribution_date,
        authors.author_key,
        contributions.sentiment_label,
        contributions.sentiment_score,
        contributions.score
    from turns
    inner join contributions
        on turns.platform = contributions.platform
        and turns.community = contributions.community
        and contributions.contribution_date between {{ dbt.dateadd('day', -window_days, 'turns.turn_date') }}
            and {{ dbt.dateadd('day', window_days - 1, 'turns.turn_date') }}
        and contributions.sentiment_label = case
            when (turns.direction = 'up') = (contributions.contribution_date < turns.turn_date) then 'negative'
            else 'positive'
        end
    inner join authors
        on contributions.platform = authors.platform
        and contributions.community = authors.community
        and contributions.contribution_id = authors.contribution_id

),

-- One of each person: the one that others agreed with most, the clearest of equals.
of_people as (

    select
        *,
        row_number() over (
            partition by platform, community, turn_date, side, author_key
            order by coalesce(score, 0) desc, abs(sentiment_score) desc, contribution_id
        ) as place_of_person
    from telling

),

ranked as (

    select
        *,
        row_number() over (
            partition by platform, community, turn_date, side
            order by coalesce(score, 0) desc, abs(sentiment_score) desc, contribution_id
        ) as place
    from of_people
    where place_of_person = 1

)

select
    platform,
    community,
    turn_date,
    side,
    cast(place as bigint) as place,
    contribution_id,
    contribution_date,
    sentiment_label,
    sentiment_score,
    score
from ranked
where place <= {{ var('turn_evidence_n') }}
