{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

-- Mentions of the version that the config has now; a text may have been looked at in several partitions.
found as (

    select distinct
        mentions.platform,
        mentions.community,
        mentions.contribution_id,
        mentions.text_sha256,
        mentions.brand,
        mentions.mention_number,
        mentions.alias,
        mentions.decision,
        mentions.decided_by,
        mentions.context_score,
        mentions.sentence_score,
        mentions.sentence_label
    from {{ ref('stg_brand_mentions') }} as mentions
    inner join {{ ref('stg_brands') }} as brands
        on mentions.brand = brands.brand
        and mentions.version = brands.mentions_version
    where {{ is_partition_affected('mentions.partition_day') }}

),

domains as (

    select * from {{ ref('stg_brand_aliases') }} where alias_kind = 'domain'

),

observations as (

    select
        *,
        partition_day <= {{ period_end('month', period_start('month', 'contribution_date')) }} as is_by_month_end
    from {{ ref('int_observations') }}
    where {{ is_affected('contribution_date', 'partition_day') }}

),

addressed as (

    select
        platform,
        community,
        contribution_id,
        contribution_date,
        observed_at,
        load_id,
        {{ url_host('url') }} as host
    from observations
    where url is not null and not is_removed

),

-- What a post links to names a brand as well, though no text does.
linked as (

    select
        addressed.platform,
        addressed.community,
        addressed.contribution_id,
        addressed.contribution_date,
        addressed.observed_at,
        addressed.load_id,
        domains.brand,
        min(domains.alias) as alias
    from addressed
    inner join domains
        on addressed.host = domains.alias or addressed.host like concat('%.', domains.alias)
    group by
        addressed.platform,
        addressed.community,
        addressed.contribution_id,
        addressed.contribution_date,
        addressed.observed_at,
        addressed.load_id,
        domains.brand

),

named as (

    select platform, community, contribution_id from found
    union
    select platform, community, contribution_id from linked

),

ranked as (

    select
        observations.*,
        row_number() over (
            partition by
                observations.platform,
                observations.community,
                observations.contribution_id,
                observations.contribution_date
            order by observations.observed_at desc, {{ precedence_at_same_time() }}
        ) as recency,
        row_number() over (
            partition by
                observations.platform,
                observations.community,
                observations.contribution_id,
                observations.contribution_date,
                observations.is_by_month_end
            order by observations.observed_at desc, {{ precedence_at_same_time() }}
        ) as recency_in_part
    from observations
    inner join named
        on observations.platform = named.platform
        and observations.community = named.community
        and observations.contribution_id = named.contribution_id

),

observed_days as (

    select distinct platform, community, contribution_date, kind from ranked

),

looked_at as (

    {{ looked_at_days('observed_days', ref('int_coverage_claims')) }}

),

-- As last seen now, and as last seen by the last day of the month of writing: often the same look.
shown as (

    select
        *,
        recency = 1 as is_latest,
        is_by_month_end and recency_in_part = 1 as is_at_month_end
    from ranked
    where (recency = 1 or (is_by_month_end and recency_in_part = 1)) and not is_removed

),

mentioned as (

    select
        shown.platform,
        shown.community,
        shown.contribution_id,
        shown.contribution_date,
        shown.observed_at,
        shown.load_id,
        found.brand,
        found.mention_number,
        found.alias,
        found.decision,
        found.decided_by,
        found.context_score,
        found.sentence_score,
        found.sentence_label
    from shown
    inner join found
        on shown.platform = found.platform
        and shown.community = found.community
        and shown.contribution_id = found.contribution_id
        and shown.text_sha256 = found.text_sha256

    union all

    select
        platform,
        community,
        contribution_id,
        contribution_date,
        observed_at,
        load_id,
        brand,
        0 as mention_number,
        alias,
        'accepted' as decision,
        'link' as decided_by,
        cast(null as double) as context_score,
        cast(null as double) as sentence_score,
        cast(null as {{ dbt.type_string() }}) as sentence_label
    from linked

)

select
    shown.platform,
    shown.community,
    shown.contribution_id,
    shown.kind,
    shown.thread_id,
    shown.channel,
    shown.contribution_date,
    {{ period_start('month', 'shown.contribution_date') }} as month_start_date,
    shown.created_at,
    shown.author_key,
    shown.author_role,
    shown.is_by_contributor,
    mentioned.brand,
    cast(mentioned.mention_number as integer) as mention_number,
    mentioned.alias,
    mentioned.decision,
    mentioned.decided_by,
    mentioned.context_score,
    mentioned.sentence_score,
    mentioned.sentence_label,
    shown.is_latest,
    shown.is_at_month_end,
    looked_at.kind is null as is_unproven
from shown
inner join mentioned
    on shown.platform = mentioned.platform
    and shown.community = mentioned.community
    and shown.contribution_id = mentioned.contribution_id
    and shown.contribution_date = mentioned.contribution_date
    and shown.observed_at = mentioned.observed_at
    and shown.load_id = mentioned.load_id
left join looked_at
    on shown.platform = looked_at.platform
    and shown.community = looked_at.community
    and shown.contribution_date = looked_at.contribution_date
    and shown.kind = looked_at.kind
