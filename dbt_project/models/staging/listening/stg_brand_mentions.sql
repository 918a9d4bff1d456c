-- Straight from the source, so that a filter on partition_day opens the files of those days only. Texts in which no brand
-- is named have a row without one, which says that they were looked at.
select
    platform,
    community,
    contribution_id,
    text_sha256,
    version,
    mention_number,
    brand,
    alias,
    decision,
    decided_by,
    context_score,
    sentence_score,
    sentence_label,
    {{ partition_day('filename') }} as partition_day
from {{ source('listening', 'mentions') }}
where brand is not null
