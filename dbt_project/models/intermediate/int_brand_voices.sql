{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

mentions as (

    select
        platform,
        community,
        contribution_id,
        contribution_date,
        brand,
        count(case when sentence_label = 'positive' then 1 end) as positive_n,
        count(case when sentence_label = 'negative' then 1 end) as negative_n,
        count(sentence_label) as judged_n
    from {{ ref('int_brand_mentions') }}
    where is_at_month_end and decision = 'accepted' and {{ is_proven() }} and {{ has_a_say() }}
        and {{ is_affected('contribution_date') }}
    group by platform, community, contribution_id, contribution_date, brand

),

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where {{ is_affected('contribution_date') }}

)

select
    mentions.platform,
    mentions.community,
    mentions.contribution_id,
    contributions.month_start_date,
    mentions.contribution_date,
    mentions.brand,
    contributions.thread_id,
    case when contributions.is_by_contributor then contributions.author_key end as author_key,
    contributions.is_repeat,
    contributions.is_picture,
    contributions.is_experience,
    contributions.is_promotion,
    case
        when mentions.positive_n > 0 and mentions.negative_n > 0 then 'mixed'
        when mentions.positive_n > 0 then 'good'
        when mentions.negative_n > 0 then 'bad'
        when mentions.judged_n > 0 then 'neutral'
    end as verdict
from mentions
inner join contributions
    on mentions.platform = contributions.platform
    and mentions.community = contributions.community
    and mentions.contribution_id = contributions.contribution_id
    and mentions.contribution_date = contributions.contribution_date
