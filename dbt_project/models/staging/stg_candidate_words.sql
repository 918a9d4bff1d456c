select
    platform,
    community,
    month_start_date,
    word_id,
    word,
    authors_n,
    all_words_n,
    people_n,
    contributions_n,
    first_date,
    last_date
from {{ source('raw', 'candidate_words') }}
