{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_periods('month', 'month_start_date') }}",
) }}

{% set month = period_start('month', 'contribution_date') %}
{#- Observed later than at the age of 30 days, give or take a quarter, and never before. -#}
{% set late_h = 900 %}

with

posts as (

    select
        platform,
        community,
        contribution_id,
        contribution_date,
        {{ month }} as month_start_date,
        created_at
    from {{ ref('int_contributions_latest') }}
    where kind = 'post' and {{ is_proven() }} and {{ is_period_affected('month', month) }}

),

ages as (

    select
        *,
        {{ month }} as month_start_date,
        case age_label when 'settled' then 1 when '3d' then 2 else 3 end as preference
    from {{ ref('fct_engagement_at_age') }}
    where kind = 'post' and age_label in ('24h', '3d', 'settled') and {{ is_period_affected('month', month) }}

),

-- The oldest age at which the post was seen, for scores settle.
ranked as (

    select
        *,
        row_number() over (partition by platform, community, contribution_id order by preference) as place
    from ages

),

chosen as (

    select * from ranked where place = 1

),

{% for metric in ['score', 'reply_count'] %}
-- Peers are all posts of the community and month that were seen at this age, also where an older age of theirs is known.
{{ metric }}_counts as (

    select
        platform,
        community,
        month_start_date,
        age_label,
        {{ metric }},
        count(*) as posts
    from ages
    where {{ metric }} is not null
    group by platform, community, month_start_date, age_label, {{ metric }}

),

{{ metric }}_ranks as (

    select
        *,
        sum(posts) over (
            partition by platform, community, month_start_date, age_label
            order by {{ metric }} rows between unbounded preceding and current row
        ) - posts as posts_below,
        sum(posts) over (partition by platform, community, month_start_date, age_label) as peers_n
    from {{ metric }}_counts

),

{% endfor %}
joined as (

    select
        posts.platform,
        posts.community,
        posts.contribution_id,
        posts.contribution_date,
        posts.month_start_date,
        posts.created_at,
        chosen.age_label,
        chosen.observed_age_h,
        chosen.score,
        chosen.reply_count,
        chosen.award_count,
        chosen.view_count,
        chosen.share_count,
        coalesce(score_ranks.peers_n, 0) as peers_n,
        -- Half of the equals, the post itself among them, lie below: the mean percentile is one half in any community.
        score_ranks.posts_below + cast(score_ranks.posts as double) / 2 as scores_below,
        coalesce(reply_count_ranks.peers_n, 0) as reply_peers_n,
        reply_count_ranks.posts_below + cast(reply_count_ranks.posts as double) / 2 as replies_below
    from posts
    left join chosen
        on posts.platform = chosen.platform
        and posts.community = chosen.community
        and posts.contribution_id = chosen.contribution_id
    {%- for metric in ['score', 'reply_count'] %}
    left join {{ metric }}_ranks
        on chosen.platform = {{ metric }}_ranks.platform
        and chosen.community = {{ metric }}_ranks.community
        and chosen.month_start_date = {{ metric }}_ranks.month_start_date
        and chosen.age_label = {{ metric }}_ranks.age_label
        and chosen.{{ metric }} = {{ metric }}_ranks.{{ metric }}
    {%- endfor %}

)

select
    platform,
    community,
    contribution_id,
    contribution_date,
    month_start_date,
    created_at,
    age_label,
    observed_age_h,
    score,
    reply_count,
    award_count,
    view_count,
    share_count,
    cast(peers_n as bigint) as peers_n,
    case when {{ is_enough('peers_n') }} then {{ share('scores_below', 'peers_n') }} end as score_percentile,
    case when {{ is_enough('peers_n') }} then {{ wilson_low('scores_below', 'peers_n') }} end as score_percentile_low,
    case when {{ is_enough('peers_n') }} then {{ wilson_high('scores_below', 'peers_n') }} end as score_percentile_high,
    cast(reply_peers_n as bigint) as reply_peers_n,
    case when {{ is_enough('reply_peers_n') }} then {{ share('replies_below', 'reply_peers_n') }} end as reply_percentile,
    case
        when {{ is_enough('reply_peers_n') }} then {{ wilson_low('replies_below', 'reply_peers_n') }}
    end as reply_percentile_low,
    case
        when {{ is_enough('reply_peers_n') }} then {{ wilson_high('replies_below', 'reply_peers_n') }}
    end as reply_percentile_high,
    {{ caveats({
        'late_only': "age_label = 'settled' and observed_age_h > " ~ late_h,
        'not_observable': 'score is null',
        'partly_observed': 'score is not null and reply_count is null',
        'small_n': 'score is not null and not (' ~ is_enough('peers_n') ~ ')',
    }) }} as caveat
from joined
