with

claims as (

    select * from {{ ref('int_coverage_claims') }}

),

stretches as (

    select * from {{ ref('int_coverage_stretches') }}

),

looked_at as (

    select
        platform,
        community,
        contribution_date,
        kind,
        min(looked_from) as looked_from,
        max(looked_to) as looked_to,
        count(*) as stretches_n,
        sum({{ hours_between('looked_from', 'looked_to') }}) as looked_h,
        min(proof_rank) as proof_rank
    from stretches
    group by platform, community, contribution_date, kind

),

claimed as (

    select
        platform,
        community,
        contribution_date,
        kind,
        max(counted_n) as counted_n,
        max(case when looked_from is not null then 1 else 0 end) = 1 as is_claimed
    from claims
    group by platform, community, contribution_date, kind

)

select
    coalesce(looked_at.platform, claimed.platform) as platform,
    coalesce(looked_at.community, claimed.community) as community,
    coalesce(looked_at.contribution_date, claimed.contribution_date) as contribution_date,
    coalesce(looked_at.kind, claimed.kind) as kind,
    looked_at.looked_from,
    looked_at.looked_to,
    coalesce(looked_at.looked_h, 0.0) as looked_h,
    looked_at.stretches_n is not null as is_looked_at,
    coalesce(
        looked_at.stretches_n = 1
        and looked_at.looked_from = {{ utc_day_start('looked_at.contribution_date') }}
        and looked_at.looked_to = {{ utc_day_start(dbt.dateadd('day', 1, 'looked_at.contribution_date')) }},
        false
    ) as is_whole,
    -- Claimed, but of a name that nothing ever matched.
    looked_at.stretches_n is null and claimed.is_claimed as is_never_seen,
    {{ proof_of_rank('looked_at.proof_rank') }} as proof,
    claimed.counted_n
from looked_at
full outer join claimed
    on looked_at.platform = claimed.platform
    and looked_at.community = claimed.community
    and looked_at.contribution_date = claimed.contribution_date
    and looked_at.kind = claimed.kind
