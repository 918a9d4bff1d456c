select
    launch,
    brand,
    launch_date
from {{ source('listening', 'launches') }}
