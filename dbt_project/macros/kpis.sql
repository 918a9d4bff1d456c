{# The KPIs of a month and where each stands: this list is their one home.

   `kinds`: what must have been read for it, `posts`, `comments`, `both` of these, or `messages`; without it the KPI is of
   whatever was read. `only_where`: of communities that have this; others have no such row.
   `version` rises when the definition changes, so that a restatement can say so. `n`: the cases behind the value. `needs`:
   how many cases could have been visible. `is_censored`: cannot be told where history has just begun. `is_seen_apart`:
   not made of contributions. `is_ratio_scaled`: twice the value is twice as much, so that a change may be told as a share
   of what was before. `rests_on`: what else than late data may move a closed month: `people` whose accounts are gone,
   `history`, the same in all months before too, `texts` that were taken back, `voices`: both people and texts,
   `voices_so_far`: the same in all months before too; `counts` are moved by none of these. #}
{% macro kpi_definitions() -%}
    {{ return([
        {'kpi': 'posts', 'kinds': 'posts', 'version': 2, 'unit': 'count', 'value': 'posts', 'n': 'posts',
         'rests_on': 'counts'},
        {'kpi': 'comments', 'kinds': 'comments', 'version': 2, 'unit': 'count', 'value': 'comments',
         'n': 'comments', 'rests_on': 'counts'},
        {'kpi': 'messages', 'kinds': 'messages', 'only_where': 'has_messages', 'version': 1, 'unit': 'count',
         'value': 'messages', 'n': 'messages', 'rests_on': 'counts'},
        {'kpi': 'platform_replies', 'kinds': 'posts', 'version': 1, 'unit': 'count', 'value': 'platform_replies',
         'n': 'platform_replies_observed_n', 'needs': 'coalesce(posts, 0)', 'rests_on': 'counts'},
        {'kpi': 'likes', 'version': 2, 'unit': 'count', 'value': 'score_sum', 'n': 'score_observed_n',
         'needs': sum_of_kinds(), 'rests_on': 'counts'},
        {'kpi': 'awards', 'version': 2, 'unit': 'count', 'value': 'award_count_sum', 'n': 'award_count_observed_n',
         'needs': sum_of_kinds(), 'rests_on': 'counts'},
        {'kpi': 'reactions', 'version': 2, 'unit': 'count', 'value': 'reaction_count_sum',
         'n': 'reaction_count_observed_n', 'needs': sum_of_kinds(), 'rests_on': 'counts'},
        {'kpi': 'conversations', 'kinds': 'both', 'version': 1, 'unit': 'count', 'value': 'conversations',
         'n': 'conversations', 'rests_on': 'people'},
        {'kpi': 'contributors', 'version': 2, 'unit': 'count', 'value': 'contributors', 'n': 'contributors',
         'rests_on': 'people'},
        {'kpi': 'new_contributors', 'version': 2, 'unit': 'count', 'value': 'new_contributors', 'n': 'contributors',
         'is_censored': true, 'rests_on': 'history'},
        {'kpi': 'returning_contributors', 'version': 2, 'unit': 'count', 'value': 'returning_contributors',
         'n': 'contributors', 'is_censored': true, 'rests_on': 'history'},
        {'kpi': 'stickiness', 'version': 2, 'unit': 'share', 'value': 'stickiness', 'n': 'contributors',
         'is_estimate': true, 'rests_on': 'people'},
        {'kpi': 'engagement_per_contributor', 'kinds': 'both', 'version': 1, 'unit': 'per contributor',
         'value': 'engagement_per_contributor', 'n': 'contributors', 'is_estimate': true, 'rests_on': 'people'},
        {'kpi': 'response_rate_24h', 'kinds': 'both', 'version': 2, 'unit': 'share', 'value': 'response_rate_24h',
         'n': 'response_rate_24h_n', 'is_estimate': true, 'rests_on': 'people'},
        {'kpi': 'median_first_response_h', 'kinds': 'both', 'version': 2, 'unit': 'hours', 'value': 'median_first_response_h',
         'n': 'responses_n', 'is_estimate': true, 'rests_on': 'people'},
        {'kpi': 'chat_conversations', 'kinds': 'messages', 'only_where': 'has_messages', 'version': 1, 'unit': 'count',
         'value': 'chat_conversations', 'n': 'chat_conversations', 'rests_on': 'counts'},
        {'kpi': 'chat_response_rate_24h', 'kinds': 'messages', 'only_where': 'has_messages', 'version': 1, 'unit': 'share',
         'value': 'chat_response_rate_24h', 'n': 'chat_response_rate_24h_n', 'is_estimate': true, 'rests_on': 'people'},
        {'kpi': 'chat_median_first_response_h', 'kinds': 'messages', 'only_where': 'has_messages', 'version': 1,
         'unit': 'hours', 'value': 'chat_median_first_response_h', 'n': 'chat_responses_n', 'is_estimate': true,
         'rests_on': 'people'},
        {'kpi': 'member_growth', 'version': 1, 'unit': 'share', 'value': 'member_growth', 'n': 'members_end_n',
         'is_ratio_scaled': false, 'is_seen_apart': true},
    ]) }}
{%- endmacro %}

{# Its counts and caveats are those of the sentiment marts. #}
{% macro kpi_of_sentiment() -%}
    {{ return({'kpi': 'net_sentiment', 'version': 1, 'unit': 'net', 'is_ratio_scaled': false, 'rests_on': 'texts'}) }}
{%- endmacro %}

{# What people say of our brands, what they crave, and how what we give and offer is taken: their counts and caveats are
   those of fct_listening_kpis_monthly, which has rows only where a figure can be. Of these, `unit` score is a difference of
   mean scores, from -2 to 2. #}
{% macro kpis_of_listening() -%}
    {{ return([
        {'kpi': 'share_of_voice', 'version': 1, 'unit': 'share', 'is_estimate': true, 'rests_on': 'voices'},
        {'kpi': 'awareness', 'version': 1, 'unit': 'count', 'rests_on': 'voices'},
        {'kpi': 'needs_voiced', 'version': 1, 'unit': 'count', 'rests_on': 'voices'},
        {'kpi': 'advocates', 'version': 1, 'unit': 'count', 'rests_on': 'voices_so_far'},
        {'kpi': 'user_made_posts', 'version': 1, 'unit': 'count', 'rests_on': 'voices'},
        {'kpi': 'value_to_pitch', 'version': 1, 'unit': 'share', 'is_estimate': true, 'rests_on': 'voices'},
        {'kpi': 'promotion_reception', 'version': 1, 'unit': 'score', 'is_estimate': true, 'is_ratio_scaled': false,
         'rests_on': 'voices'},
    ]) }}
{%- endmacro %}

{# Results of the business, where they are imported. Revenue is in its own currency. #}
{% macro kpis_of_business() -%}
    {{ return([
        {'kpi': 'visits', 'version': 1},
        {'kpi': 'leads', 'version': 1},
        {'kpi': 'sales', 'version': 1},
        {'kpi': 'revenue', 'version': 1},
    ]) }}
{%- endmacro %}

{# KPIs of which twice the value is not twice as much: their changes are differences only. #}
{% macro kpis_without_ratio() -%}
    {%- set names = [] -%}
    {%- for of in kpi_definitions() + [kpi_of_sentiment()] + kpis_of_listening() if of.is_ratio_scaled is sameas false -%}
        {%- do names.append(of.kpi) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# KPIs with an error of their own in each month. #}
{% macro kpis_of_estimates() -%}
    {%- set names = [kpi_of_sentiment().kpi] -%}
    {%- for of in kpi_definitions() + kpis_of_listening() if of.is_estimate -%}
        {%- do names.append(of.kpi) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}

{# KPIs that no missing day can lower. #}
{% macro kpis_seen_apart() -%}
    {{ return(kpi_definitions() | selectattr('is_seen_apart', 'defined') | map(attribute='kpi') | list) }}
{%- endmacro %}
