with

mentions as (

    select * from {{ ref('int_brand_mentions') }}
    where is_at_month_end and {{ is_proven() }} and {{ has_a_say() }}

),

-- A contribution that stands in two communities counts in each, and once in all communities together.
together as (

    select
        *,
        row_number() over (
            partition by platform, contribution_id, contribution_date, brand, mention_number order by community
        ) as copy_number
    from mentions

)

select
    platform,
    community,
    month_start_date,
    brand,
    mention_number,
    contribution_id,
    platform as author_platform,
    case when is_by_contributor then author_key end as author_key,
    decision,
    sentence_score,
    sentence_label
from mentions

union all

select
    '*' as platform,
    '*' as community,
    month_start_date,
    brand,
    mention_number,
    contribution_id,
    platform as author_platform,
    case when is_by_contributor then author_key end as author_key,
    decision,
    sentence_score,
    sentence_label
from together
where copy_number = 1
