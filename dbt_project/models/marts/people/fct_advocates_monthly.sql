{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

{% set key = ['platform', 'community', 'month_start_date', 'brand', 'author_key'] -%}
{% set person = ['platform', 'community', 'month_start_date', 'author_key'] -%}
{% set last_date = period_end('month', 'months.month_start_date') -%}
{% set first_date = dbt.dateadd('day', 1 - var('advocate_window_days'), last_date) -%}
{% set is_praise = "is_experience and not coalesce(is_promotion, false) and verdict = 'good'" -%}

with

months as (

    select * from {{ ref('int_community_months') }}
    where {{ may_rank_persons() }} and {{ is_month_affected_or_later('month_start_date') }}

),

-- What each person said of a brand in the days up to the end of the month.
said as (

    select
        months.platform,
        months.community,
        months.month_start_date,
        voices.brand,
        voices.author_key,
        voices.thread_id,
        voices.contribution_date,
        voices.verdict,
        voices.is_promotion,
        voices.is_experience
    from months
    inner join {{ ref('int_brand_voices') }} as voices
        on months.platform = voices.platform
        and months.community = voices.community
        and voices.contribution_date between {{ first_date }} and {{ last_date }}
    where voices.author_key is not null

),

by_thread as (

    select
        {{ key | join(',\n        ') }},
        thread_id,
        count(case when {{ is_praise }} then 1 end) as praise_n
    from said
    group by {{ key | join(', ') }}, thread_id

),

threads as (

    select
        {{ key | join(',\n        ') }},
        count(case when praise_n > 0 then 1 end) as praise_threads_n,
        max(praise_n) as praise_in_one_thread_n
    from by_thread
    group by {{ key | join(', ') }}

),

counted as (

    select
        {{ key | join(',\n        ') }},
        count(case when {{ is_praise }} then 1 end) as praise_n,
        count(distinct case when {{ is_praise }} then contribution_date end) as praise_dates_n,
        count(case when verdict = 'good' then 1 end) as good_n,
        count(case when verdict in ('good', 'mixed', 'bad') then 1 end) as told_n,
        count(case when is_promotion then 1 end) as promotions_n,
        count(is_promotion) as judged_n
    from said
    group by {{ key | join(', ') }}

),

candidates as (

    select
        counted.*,
        threads.praise_threads_n,
        threads.praise_in_one_thread_n,
        {{ share('counted.promotions_n', 'counted.judged_n') }} as promotion_share
    from counted
    inner join threads
        {% for column in key -%}
        {{ 'on' if loop.first else 'and' }} counted.{{ column }} = threads.{{ column }}
        {% endfor -%}
    where counted.praise_n >= {{ var('advocate_min_praise') }}
        and counted.praise_dates_n >= 2
        and threads.praise_threads_n >= 2
        and 2 * threads.praise_in_one_thread_n <= counted.praise_n
        and {{ wilson_low('counted.good_n', 'counted.told_n') }} > 0.5
        and {{ share('counted.promotions_n', 'counted.judged_n') }} < {{ var('advocate_max_promotion_share') }}

),

persons as (

    select distinct {{ person | join(', ') }} from candidates

),

-- Who praises one brand without a link may promote others, or elsewhere: all they wrote on the platform in these days.
promoters as (

    select
        persons.platform,
        persons.community,
        persons.month_start_date,
        persons.author_key,
        {{ share('count(case when written.is_promotion then 1 end)', 'count(written.is_promotion)') }} as promotion_share
    from persons
    inner join months
        on persons.platform = months.platform
        and persons.community = months.community
        and persons.month_start_date = months.month_start_date
    inner join {{ ref('int_contributions_at_month_end') }} as written
        on persons.platform = written.platform
        and persons.author_key = written.author_key
        and written.contribution_date between {{ first_date }} and {{ last_date }}
    where {{ is_proven() }}
    group by persons.platform, persons.community, persons.month_start_date, persons.author_key

),

-- Who replied to them in the months of these days, and who of them is established there.
repliers as (

    select
        persons.platform,
        persons.community,
        persons.month_start_date,
        persons.author_key,
        count(*) as repliers_n
    from persons
    inner join {{ ref('int_contributor_months') }} as active
        on persons.platform = active.platform
        and persons.community = active.community
        and persons.author_key = active.author_key
        and active.month_start_date between {{ dbt.dateadd('month', -2, 'persons.month_start_date') }}
            and persons.month_start_date
    inner join {{ ref('int_reply_edges') }} as edges
        on active.platform = edges.platform
        and active.community = edges.community
        and active.month_start_date = edges.month_start_date
        and active.activity_rank = edges.answered
    group by persons.platform, persons.community, persons.month_start_date, persons.author_key

),

influence as (

    select
        persons.platform,
        persons.community,
        persons.month_start_date,
        persons.author_key,
        count(*) as replied_to_n,
        sum(case when persons.author_key = influence.author_key then 1 else 0 end) as established_n
    from persons
    inner join {{ ref('int_influence_months') }} as influence
        on persons.platform = influence.platform
        and persons.community = influence.community
        and influence.month_start_date between {{ dbt.dateadd('month', -2, 'persons.month_start_date') }}
            and persons.month_start_date
    group by persons.platform, persons.community, persons.month_start_date, persons.author_key

)

select
    candidates.platform,
    candidates.community,
    candidates.month_start_date,
    candidates.brand,
    candidates.author_key,
    brands.is_ours,
    candidates.praise_n,
    candidates.praise_dates_n,
    candidates.praise_threads_n,
    candidates.told_n,
    {{ share('candidates.good_n', 'candidates.told_n') }} as good_share,
    {{ wilson_low('candidates.good_n', 'candidates.told_n') }} as good_share_low,
    {{ wilson_high('candidates.good_n', 'candidates.told_n') }} as good_share_high,
    candidates.promotion_share,
    promoters.promotion_share as promotion_share_of_all,
    months.days_n,
    months.days_complete_n,
    months.is_period_complete,
    {{ caveats(merged([kind_caveats('months.days_{}_known_n', 'months.'), {
        'authors_not_observed': 'months.authors_unobserved_n > 0',
        'incomplete': 'not months.is_period_complete',
        'small_n': 'candidates.told_n < ' ~ var('min_n'),
    }])) }} as caveat
from candidates
inner join {{ ref('stg_brands') }} as brands on candidates.brand = brands.brand
inner join months
    on candidates.platform = months.platform
    and candidates.community = months.community
    and candidates.month_start_date = months.month_start_date
{%- for relation in ['promoters', 'repliers', 'influence'] %}
left join {{ relation }}
    {%- for column in person %}
    {{ 'on' if loop.first else 'and' }} candidates.{{ column }} = {{ relation }}.{{ column }}
    {%- endfor %}
{%- endfor %}
where coalesce(promoters.promotion_share, 0) < {{ var('advocate_max_promotion_share') }}
    -- A ring: several reply to them, nobody established does, though established people do reply there.
    and not (
        coalesce(repliers.repliers_n, 0) >= {{ var('influencer_min_repliers') }}
        and influence.replied_to_n > 0
        and influence.established_n = 0
    )
