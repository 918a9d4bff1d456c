with

source as (

    select * from {{ source('raw', 'community_observations') }}

)

select
    platform,
    community,
    observed_at,
    {{ utc_date('observed_at') }} as observation_date,
    members_n,
    active_n,
    source,
    load_id,
    contract_version
from source
