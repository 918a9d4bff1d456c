select
    interest,
    word
from {{ source('listening', 'interest_words') }}
