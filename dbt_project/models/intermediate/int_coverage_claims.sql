with

claims as (

    select
        *,
        {{ utc_day_start('contribution_date') }} as day_start_at,
        {{ utc_day_start(dbt.dateadd('day', 1, 'contribution_date')) }} as day_end_at
    from {{ ref('stg_coverage') }}

),

-- A stretch proves nothing outside its day, nor one without a proof.
clipped as (

    select
        *,
        proof <> 'none'
            and looked_from is not null
            and looked_to is not null
            and greatest(looked_from, day_start_at) < least(looked_to, day_end_at) as is_proof
    from claims

)

select
    platform,
    community,
    contribution_date,
    kind,
    case when is_proof then greatest(looked_from, day_start_at) end as looked_from,
    case when is_proof then least(looked_to, day_end_at) end as looked_to,
    case when is_proof then {{ proof_rank('proof') }} else {{ proof_rank("'none'") }} end as proof_rank,
    counted_n,
    except_communities,
    source,
    load_id
from clipped
