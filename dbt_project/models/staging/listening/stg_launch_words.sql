select
    launch,
    word
from {{ source('listening', 'launch_words') }}
