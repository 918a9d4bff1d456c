with

messages as (

    select
        written.*,
        unseen.source is not null as is_author_unobserved
    from {{ ref('int_chat_conversations') }} as written
    left join {{ ref('int_sources_without_authors') }} as unseen
        on written.platform = unseen.platform
        and written.community = unseen.community
        and written.source = unseen.source
    where written.period = 'week'

),

openers as (

    select * from messages where is_opener

),

stretches as (

    select * from {{ ref('int_coverage_stretches') }} where kind = 'message'

),

watches as (

    {{ merged_stretches('stretches', ['platform', 'community']) }}

),

summed as (

    select
        openers.platform,
        openers.community,
        openers.conversation_id,
        max(messages.created_at) as last_message_at,
        count(*) as messages,
        min(case when messages.is_author_unobserved then 1 else 0 end) = 1 as is_without_authors,
        count(distinct case when messages.is_by_contributor then messages.author_key end) as contributors,
        min(case
            when not messages.is_opener
                and messages.author_role <> 'bot'
                and coalesce(messages.author_key, '') <> coalesce(openers.author_key, '')
                then messages.created_at
        end) as first_answer_at
    from openers
    inner join messages
        on openers.platform = messages.platform
        and openers.community = messages.community
        and openers.conversation_id = messages.conversation_id
    group by openers.platform, openers.community, openers.conversation_id

)

select
    openers.platform,
    openers.community,
    openers.conversation_id,
    openers.channel,
    openers.contribution_date,
    openers.created_at as started_at,
    summed.last_message_at,
    {{ shown_person('openers.author_key', 'platforms') }} as author_key,
    openers.is_by_contributor,
    summed.messages,
    case when not summed.is_without_authors then summed.contributors end as contributors,
    -- That nobody answered is a claim: it needs somebody who looked on.
    case
        when summed.first_answer_at is not null then true
        when watches.looked_to is not null and not summed.is_without_authors then false
    end as is_answered,
    summed.first_answer_at,
    {{ hours_between('openers.created_at', 'summed.first_answer_at') }} as first_answer_h,
    {{ hours_between('openers.created_at', 'watches.looked_to') }} as watched_h
from openers
inner join summed
    on openers.platform = summed.platform
    and openers.community = summed.community
    and openers.conversation_id = summed.conversation_id
left join watches
    on openers.platform = watches.platform
    and openers.community = watches.community
    and openers.created_at >= watches.looked_from
    and openers.created_at < watches.looked_to
left join {{ ref('stg_platforms') }} as platforms
    on openers.platform = platforms.platform
