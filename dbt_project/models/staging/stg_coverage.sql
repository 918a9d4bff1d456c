with

source as (

    select * from {{ source('raw', 'coverage') }}

)

select
    platform,
    community,
    day as contribution_date,
    kind,
    looked_from,
    looked_to,
    proof,
    counted_n,
    except_communities,
    source,
    load_id,
    contract_version
from source
