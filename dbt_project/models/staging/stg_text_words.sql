-- Straight from the source, so that a filter on partition_day opens the files of those days only.
select
    text_id,
    words,
    {{ partition_day('filename') }} as partition_day
from {{ source('raw', 'text_words') }}
