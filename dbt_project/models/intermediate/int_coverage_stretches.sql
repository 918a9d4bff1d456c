with

by_source as (

    select * from {{ ref('int_coverage_by_source') }}

),

communities as (

    select distinct platform, community from {{ ref('int_contributions_latest') }}
    union
    -- The platform itself says that these exist.
    select platform, community from {{ ref('stg_community_observations') }}
    union
    select platform, community from by_source where proof_rank = {{ proof_rank("'listed'") }}
    union
    select distinct platform, '*' as community from by_source

),

-- Of a name that nothing ever matched, a file without it says nothing.
of_seen_communities as (

    select by_source.*
    from by_source
    inner join communities
        on by_source.platform = communities.platform
        and by_source.community = communities.community

)

{{ merged_stretches('of_seen_communities', ['platform', 'community', 'contribution_date', 'kind']) }}
