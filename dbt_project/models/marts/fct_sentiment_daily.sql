{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='fail',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

-- How the community feels: programs and the brand's own team do not count.
contributions as (

    select * from {{ ref('fct_contributions') }}
    where author_role not in ('bot', 'team') and {{ is_affected('contribution_date') }}

),

counted as (

    select
        platform,
        community,
        contribution_date,
        count(*) as contributions,
        count(sentiment_label) as scored_n,
        count(case when sentiment_label = 'negative' then 1 end) as negative_n,
        count(case when sentiment_label = 'neutral' then 1 end) as neutral_n,
        count(case when sentiment_label = 'positive' then 1 end) as positive_n,
        -- Exact, so that the order of rows cannot show in the last digit; scorers give four digits.
        sum(cast(sentiment_score as decimal(18, 6))) as score_sum
    from contributions
    group by platform, community, contribution_date

)

select
    platform,
    community,
    contribution_date,
    '{{ var("sentiment_model_id") }}' as model_id,
    contributions,
    scored_n,
    negative_n,
    neutral_n,
    positive_n,
    cast(positive_n - negative_n as double) / nullif(scored_n, 0) as net_sentiment,
    cast(score_sum as double) / nullif(scored_n, 0) as mean_sentiment_score,
    cast(contributions - scored_n as double) / contributions as unscorable_share
from counted
