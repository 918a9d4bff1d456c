select
    offer,
    code,
    code_key
from {{ source('listening', 'offer_codes') }}
