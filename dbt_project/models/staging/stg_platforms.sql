{#- As the platforms' own files state it (plugins/pulse/platforms/); tests/unit/warehouse/test_dim_platforms.py holds this
    against them. -#}
{% set may_rank_persons = {
    'bluesky': false, 'discord': false, 'discourse': false, 'facebook_groups': false, 'hacker_news': false,
    'lemmy': false, 'mastodon': false, 'reddit': true, 'slack': false, 'stack_exchange': false, 'telegram': false,
    'youtube': false,
} -%}

{% for platform, is_allowed in may_rank_persons.items() -%}
select '{{ platform }}' as platform, {{ is_allowed | lower }} as may_rank_persons
{{ 'union all' if not loop.last }}
{% endfor %}
