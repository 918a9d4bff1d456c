{{ config(
    materialized='incremental',
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

observed as (

    select
        *,
        {{ month }} as month_start_date
    from {{ ref('fct_engagement_at_age') }}
    where kind = 'post' and {{ is_period_affected('month', month) }}

),

by_age as (
    {{ rows_by_age('observed', ['platform', 'community', 'contribution_id', 'month_start_date', 'observed_age_h', 'score',
        'reply_count', 'award_count', 'view_count', 'share_count']) }}

),

ages_of_months as (
    {{ age_of_scope('by_age', ['platform', 'community', 'month_start_date']) }}

),

ages as (

    select by_age.*
    from by_age
    inner join ages_of_months
        on by_age.platform = ages_of_months.platform
        and by_age.community = ages_of_months.community
        and by_age.month_start_date = ages_of_months.month_start_date
        and by_age.age_label = ages_of_months.age_label

),

-- Posts whose score was seen at whatever age.
scored as (

    select
        platform,
        community,
        contribution_id
    from observed
    group by platform, community, contribution_id
    having count(score) > 0

),

{% for metric in ['score', 'reply_count'] %}
-- Peers are all posts of the community and month that were seen at the age of the month.
{{ metric }}_counts as (

    select
        platform,
        community,
        month_start_date,
        {{ metric }},
        count(*) as posts
    from ages
    where {{ metric }} is not null
    group by platform, community, month_start_date, {{ metric }}

),

{{ metric }}_ranks as (

    select
        *,
        sum(posts) over (
            partition by platform, community, month_start_date
            order by {{ metric }} rows between unbounded preceding and current row
        ) - posts as posts_below,
        sum(posts) over (partition by platform, community, month_start_date) as peers_n
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
        ages_of_months.age_label,
        ages.observed_age_h,
        ages.score,
        ages.reply_count,
        ages.award_count,
        ages.view_count,
        ages.share_count,
        ages.contribution_id is null and scored.contribution_id is not null as is_seen_at_other_age,
        coalesce(score_ranks.peers_n, 0) as peers_n,
        -- Half of the equals, the post itself among them, lie below: the mean percentile is one half in any community.
        score_ranks.posts_below + cast(score_ranks.posts as double) / 2 as scores_below,
        coalesce(reply_count_ranks.peers_n, 0) as reply_peers_n,
        reply_count_ranks.posts_below + cast(reply_count_ranks.posts as double) / 2 as replies_below
    from posts
    left join ages_of_months
        on posts.platform = ages_of_months.platform
        and posts.community = ages_of_months.community
        and posts.month_start_date = ages_of_months.month_start_date
    {%- for other in ['ages', 'scored'] %}
    left join {{ other }}
        on posts.platform = {{ other }}.platform
        and posts.community = {{ other }}.community
        and posts.contribution_id = {{ other }}.contribution_id
    {%- endfor %}
    {%- for metric in ['score', 'reply_count'] %}
    left join {{ metric }}_ranks
        on ages.platform = {{ metric }}_ranks.platform
        and ages.community = {{ metric }}_ranks.community
        and ages.month_start_date = {{ metric }}_ranks.month_start_date
        and ages.{{ metric }} = {{ metric }}_ranks.{{ metric }}
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
        'not_observable': 'score is null and not is_seen_at_other_age',
        'other_age': 'is_seen_at_other_age',
        'partly_observed': 'score is not null and reply_count is null',
        'small_n': 'score is not null and not (' ~ is_enough('peers_n') ~ ')',
    }) }} as caveat
from joined
