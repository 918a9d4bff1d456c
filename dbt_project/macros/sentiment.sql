{# What is told of any group of judged contributions, in one place. The counts are taken by their names: contributions,
   scored_n, positive_n, neutral_n, negative_n, sentiment_score_sum, sentiment_score_square_sum. The mean graded score comes first: what share
   of texts is neutral differs between platforms, so label shares are for one community over time. #}
{% macro sentiment_figures() -%}
    '{{ var("sentiment_model_id") }}' as model_id,
    contributions,
    scored_n,
    {{ mean_sentiment() }} as mean_sentiment_score,
    {{ mean_sentiment('mean_low') }} as mean_sentiment_score_low,
    {{ mean_sentiment('mean_high') }} as mean_sentiment_score_high,
    negative_n,
    neutral_n,
    positive_n,
    case when {{ is_enough('scored_n') }} then {{ net_sentiment('positive_n', 'negative_n', 'scored_n') }} end
        as net_sentiment,
    case when {{ is_enough('scored_n') }} then {{ net_sentiment_low('positive_n', 'negative_n', 'scored_n') }} end
        as net_sentiment_low,
    case when {{ is_enough('scored_n') }} then {{ net_sentiment_high('positive_n', 'negative_n', 'scored_n') }} end
        as net_sentiment_high,
    case when {{ is_enough('contributions') }} then {{ share('contributions - scored_n', 'contributions') }} end
        as unscorable_share
{%- endmacro %}

{# The mean graded score, or a bound of it by the macro named. As many scores as are told at all, so the normal bounds hold;
   a score lies within [-1, 1], and so do they. #}
{% macro mean_sentiment(bound=none) -%}
    {%- set mean = '(cast(sentiment_score_sum as double) / nullif(scored_n, 0))' -%}
    {%- set sd = sd_of_sums('sentiment_score_sum', 'sentiment_score_square_sum', 'scored_n') -%}
    case
        when {{ is_enough('scored_n') }}{{ ' and scored_n > 1' if bound }}
        {%- if bound == 'mean_low' %} then greatest(-1.0, {{ mean_low(mean, sd, 'scored_n') }})
        {%- elif bound == 'mean_high' %} then least(1.0, {{ mean_high(mean, sd, 'scored_n') }})
        {%- else %} then {{ mean }}
        {%- endif %}
    end
{%- endmacro %}

{# What to beware of when reading them; NULL when nothing. #}
{% macro sentiment_caveat(is_complete, kinds_missing) -%}
    {{ caveats(merged([kinds_missing, {
        'incomplete': 'not ' ~ is_complete,
        'small_n': 'not coalesce(' ~ is_enough('scored_n') ~ ', false)',
    }])) }}
{%- endmacro %}

{# Counts over contributions, for a group by. #}
{% macro sentiment_counts() -%}
    count(*) as contributions,
    count(sentiment_label) as scored_n,
    count(case when sentiment_label = 'negative' then 1 end) as negative_n,
    count(case when sentiment_label = 'neutral' then 1 end) as neutral_n,
    count(case when sentiment_label = 'positive' then 1 end) as positive_n
{%- endmacro %}

{# Sums of their graded scores and of the squares. Exact, so that the order of rows cannot show in the last digit; scorers
   give four digits. #}
{% macro sentiment_score_sums() -%}
    sum(cast(sentiment_score as decimal(18, 6))) as sentiment_score_sum,
    sum(cast(sentiment_score * sentiment_score as decimal(18, 12))) as sentiment_score_square_sum
{%- endmacro %}

{# Whose words tell how a community feels: programs and the brand's own team do not count; accounts that are gone do. #}
{% macro has_a_say() -%}
    author_role not in ('bot', 'team')
{%- endmacro %}

{# The names of these counts. #}
{% macro sentiment_count_names() -%}
    {{ return(['contributions', 'scored_n', 'negative_n', 'neutral_n', 'positive_n']) }}
{%- endmacro %}

{# What the model in use said of each text, once: the same text may have been judged in several partitions, always with
   the same result. A partial build leaves those closed that cannot hold its texts. #}
{% macro judged_texts(scores, columns) %}
    select
        platform,
        community,
        contribution_id,
        text_sha256,
        {%- for column in columns %}
        max({{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ scores }}
    where model_id = '{{ var("sentiment_model_id") }}' and {{ is_partition_affected('partition_day') }}
    group by platform, community, contribution_id, text_sha256
{%- endmacro %}
