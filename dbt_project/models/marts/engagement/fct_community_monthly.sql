{{ community_periods(
    'month',
    periods=ref('int_community_periods'),
    contributor_periods=ref('int_contributor_periods'),
    chat_periods=ref('int_chat_periods'),
    days=ref('fct_community_daily'),
    sizes=ref('fct_community_size_daily'),
    count_changes=ref('int_count_changes'),
) }}
