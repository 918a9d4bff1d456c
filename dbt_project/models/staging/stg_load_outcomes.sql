with

source as (

    select * from {{ source('raw', 'load_outcomes') }}

)

select
    run_id,
    load_id,
    platform,
    entry_id,
    community,
    entry_id = platform || '/' || community as is_entry_total,
    source,
    day as contribution_date,
    outcome,
    outcome in ('arrived', 'empty') as is_complete,
    contributions_n,
    quarantined_rows_n,
    reason,
    recorded_at
from source
