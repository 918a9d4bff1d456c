{{ config(
    materialized='incremental',
    pre_hook="{{ delete_affected_months_and_later('month_start_date') }}",
) }}

with

contributions as (

    select * from {{ ref('int_contributions_at_month_end') }}
    where {{ has_a_say() }} and {{ is_proven() }}

),

voiced as (

    {%- for need in needs_voiced() %}
    select
        '{{ need }}' as need,
        platform,
        community,
        month_start_date,
        contribution_id,
        contribution_date,
        kind,
        thread_id,
        author_key,
        is_by_contributor,
        text_id
    from contributions
    where is_{{ need }} and {{ is_month_affected_or_later('month_start_date') }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

),

openers as (

    select
        platform,
        community,
        contribution_id,
        month_start_date,
        text_id
    from contributions
    where kind <> 'comment'

)

select
    voiced.platform,
    voiced.community,
    voiced.month_start_date,
    voiced.need,
    voiced.contribution_id,
    voiced.contribution_date,
    case when voiced.is_by_contributor then {{ hash_number('voiced.author_key') }} end as author_number,
    coalesce(copies.copy_id, voiced.text_id) as said_id,
    openers.text_id as opener_text_id,
    openers.month_start_date as opener_month_start_date
from voiced
left join {{ ref('stg_near_copies') }} as copies
    on voiced.month_start_date = copies.month_start_date
    and voiced.text_id = copies.text_id
left join openers
    on voiced.platform = openers.platform
    and voiced.community = openers.community
    and openers.contribution_id = case
        when voiced.kind = 'comment' then voiced.thread_id else voiced.contribution_id
    end
    and openers.month_start_date <= voiced.month_start_date
