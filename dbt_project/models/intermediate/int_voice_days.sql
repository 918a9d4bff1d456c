{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_dates() }}",
) }}

with

voices as (

    select
        platform,
        community,
        contribution_date,
        count(*) as voices_n,
        cast(sum(voice) as bigint) as net_n,
        cast(sum(abs(voice)) as bigint) as told_n
    from {{ ref('int_sentiment_voices') }}
    where {{ is_affected('contribution_date') }}
    group by platform, community, contribution_date

),

needs as (

    select
        platform,
        community,
        contribution_date,
        {%- for need in needs_voiced() %}
        count(distinct case when need = '{{ need }}' then author_number end) as {{ need }}_n{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('int_need_voices') }}
    where author_number is not null and {{ is_affected('contribution_date') }}
    group by platform, community, contribution_date

)

select
    voices.platform,
    voices.community,
    voices.contribution_date,
    voices.voices_n,
    voices.net_n,
    voices.told_n,
    {%- for need in needs_voiced() %}
    least(coalesce(needs.{{ need }}_n, 0), voices.voices_n) as {{ need }}_n{{ ',' if not loop.last }}
    {%- endfor %}
from voices
left join needs
    on voices.platform = needs.platform
    and voices.community = needs.community
    and voices.contribution_date = needs.contribution_date
