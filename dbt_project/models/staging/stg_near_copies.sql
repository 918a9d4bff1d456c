select
    month_start_date,
    text_id,
    copy_id
from {{ source('raw', 'near_copies') }}
