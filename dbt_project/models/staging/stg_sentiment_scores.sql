-- Straight from the source, so that a filter on partition_day opens the files of those days only.
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
from {{ source('raw', 'sentiment_scores') }}
