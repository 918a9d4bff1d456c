select
    word_id,
    word,
    {{ partition_day('filename') }} as partition_day
from {{ source('raw', 'spellings') }}
