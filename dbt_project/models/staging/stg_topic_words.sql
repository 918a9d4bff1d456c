select
    month_start_date,
    topic_id,
    place,
    word,
    posts_n,
    z
from {{ source('raw', 'topic_words') }}
