select
    interest
from {{ source('listening', 'interests') }}
