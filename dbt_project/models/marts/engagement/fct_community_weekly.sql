{{ community_periods(
    'week',
    periods=ref('int_community_periods'),
    contributor_periods=ref('int_contributor_periods'),
    chat_periods=ref('int_chat_periods'),
    days=ref('fct_community_daily'),
    sizes=ref('fct_community_size_daily'),
) }}
