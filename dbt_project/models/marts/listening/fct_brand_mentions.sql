{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

brands as (

    select * from {{ ref('stg_brands') }}

),

mentions as (

    select * from {{ ref('int_brand_mentions') }}
    where is_latest and decision <> 'rejected' and {{ is_affected('contribution_date') }}

)

select
    mentions.platform,
    mentions.community,
    mentions.contribution_id,
    mentions.brand,
    cast(mentions.mention_number as bigint) as mention_number,
    brands.is_ours,
    mentions.contribution_date,
    mentions.created_at,
    mentions.kind,
    mentions.thread_id,
    mentions.channel,
    mentions.author_role,
    mentions.is_by_contributor,
    mentions.alias,
    mentions.decided_by,
    mentions.context_score,
    mentions.decision = 'unsure' as is_unsure,
    mentions.sentence_score,
    mentions.sentence_label,
    {{ is_proven() }} as is_looked_at
from mentions
inner join brands on mentions.brand = brands.brand
