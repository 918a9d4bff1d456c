with

claims as (

    select * from {{ ref('int_coverage_claims') }} where looked_from is not null

),

communities as (

    select distinct platform, community from {{ ref('int_contributions_latest') }}

),

-- A dump of a whole site speaks for every community of which anything came, and for no name that nobody ever saw.
spoken_for as (

    select platform, community, contribution_date, kind, source, looked_from, looked_to, proof_rank from claims
    union all
    select
        claims.platform,
        communities.community,
        claims.contribution_date,
        claims.kind,
        claims.source,
        claims.looked_from,
        claims.looked_to,
        claims.proof_rank
    from claims
    inner join communities on claims.platform = communities.platform
    where claims.community = '*' and not {{ list_holds('claims.except_communities', 'communities.community') }}

)

{{ merged_stretches('spoken_for', ['platform', 'community', 'contribution_date', 'kind', 'source']) }}
