with

days as (

    select * from {{ ref('fct_community_daily') }}

),

-- What stands in two communities is told once.
brand_mention as (

    select
        voices.platform,
        voices.community,
        voices.contribution_date as alert_date,
        voices.brand as subject,
        voices.contribution_id,
        cast(1 as bigint) as days_n,
        cast(1 as bigint) as n,
        cast(null as bigint) as voices_n,
        cast(null as bigint) as voices_before_n,
        cast(null as double) as figure,
        cast(null as double) as figure_before,
        cast(null as double) as p_value
    from {{ ref('int_brand_voices') }} as voices
    inner join {{ ref('stg_brands') }} as brands
        on voices.brand = brands.brand and brands.is_ours
    where {{ is_counted_once('voices.') }}

),

-- What opens something in our own communities: a post, or a message that answers none.
asked as (

    select
        written.platform,
        written.community,
        written.contribution_id,
        written.kind,
        written.contribution_date,
        cast({{ dbt.dateadd('day', 1, 'written.contribution_date') }} as date) as alert_date,
        written.author_key,
        written.reply_count,
        {{ hours_between('written.created_at', 'written.last_observed_at') }} as seen_age_h,
        case
            when written.is_support_request then 'support_request'
            when written.is_recommendation_request then 'recommendation_request'
            else 'question'
        end as subject
    from {{ ref('int_contributions_at_month_end') }} as written
    inner join {{ ref('stg_own_communities') }} as own
        on written.platform = own.platform and written.community = own.community
    where (written.kind = 'post' or (written.kind = 'message' and written.parent_id is null))
        and not written.is_removed and {{ is_proven() }} and {{ has_a_say() }}
        and (written.is_support_request or written.is_recommendation_request or written.is_question)

),

-- Anybody but a program and the asker, the team too, up to the end of the day after. Keys are looked up below marts.
answered as (

    select distinct
        asked.platform,
        asked.community,
        asked.contribution_id
    from asked
    inner join {{ ref('int_contributions_latest') }} as replies
        on asked.platform = replies.platform
        and asked.community = replies.community
        and asked.contribution_id = replies.parent_id
        and replies.contribution_date between asked.contribution_date and asked.alert_date
    where replies.author_role <> 'bot'
        and (replies.author_key is null or asked.author_key is null or replies.author_key <> asked.author_key)

),

-- The platform may count replies that nobody read; where they were neither read nor counted a day later, nobody knows.
unanswered_question as (

    select
        asked.platform,
        asked.community,
        asked.alert_date,
        asked.subject,
        asked.contribution_id,
        cast(1 as bigint) as days_n,
        cast(1 as bigint) as n,
        cast(null as bigint) as voices_n,
        cast(null as bigint) as voices_before_n,
        cast(null as double) as figure,
        cast(null as double) as figure_before,
        cast(null as double) as p_value
    from asked
    inner join days
        on asked.platform = days.platform
        and asked.community = days.community
        and asked.alert_date = days.contribution_date
    left join answered
        on asked.platform = answered.platform
        and asked.community = answered.community
        and asked.contribution_id = answered.contribution_id
    where answered.contribution_id is null
        and coalesce(asked.reply_count, 0) = 0
        and case
            when asked.kind = 'message' then days.messages_looked_h > 0
            else days.comments_looked_h > 0 or (asked.reply_count = 0 and asked.seen_age_h >= 24)
        end

),

{% for rule in ['need_spike', 'mood_turn'] -%}
{{ rule }} as (

    select
        platform,
        community,
        contribution_date as alert_date,
        subject,
        cast(null as {{ dbt.type_string() }}) as contribution_id,
        cast(days_n as bigint) as days_n,
        {{ 'amount_n' if rule == 'need_spike' else 'voices_n' }} as n,
        voices_n,
        voices_before_n,
        figure,
        figure_before,
        p_value
    from {{ ref('int_need_and_mood_finds') }}
    where rule = '{{ rule }}'

),

{% endfor -%}

alerts as (

    {%- for rule in alert_rules() %}
    select
        '{{ rule }}' as rule,
        *
    from {{ rule }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}

)

select
    alerts.platform,
    alerts.community,
    alerts.alert_date,
    alerts.rule,
    alerts.subject,
    alerts.contribution_id,
    alerts.days_n,
    alerts.n,
    alerts.voices_n,
    alerts.voices_before_n,
    alerts.figure,
    alerts.figure_before,
    alerts.p_value,
    coalesce(days.is_day_complete, false) as is_day_complete,
    {{ caveats({'incomplete': 'not coalesce(days.is_day_complete, false)'}) }} as caveat
from alerts
left join days
    on alerts.platform = days.platform
    and alerts.community = days.community
    and alerts.alert_date = days.contribution_date
