with

source as (

    select * from {{ source('raw', 'sentiment_scores') }}

)

select
    platform,
    community,
    contribution_id,
    text_sha256,
    model_id,
    sentiment_score,
    label as sentiment_label,
    is_scorable,
    unscorable_reason,
    {{ partition_day('filename') }} as partition_day
from source
