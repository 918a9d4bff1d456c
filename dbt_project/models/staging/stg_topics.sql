select
    month_start_date,
    text_month_start_date,
    text_id,
    topic_id,
    strength
from {{ source('raw', 'topics') }}
