{# Closed forms, one home each. z is the 97.5 % point of the normal distribution: intervals are of 95 %. #}

{% macro z() -%}1.96{%- endmacro %}

{# Below this many cases a rate or an estimate is not told: NULL, and a caveat says small_n. #}
{% macro is_enough(n) -%}
    {{ n }} >= {{ var('min_n') }}
{%- endmacro %}

{# Share of k among n; NULL without any. #}
{% macro share(k, n) -%}
    cast({{ k }} as double) / nullif({{ n }}, 0)
{%- endmacro %}

{# Bounds of a share: Wilson, E. B. (1927), Journal of the American Statistical Association 22, 209-212. #}
{% macro wilson_low(k, n) -%}
    {#- greatest() passes over NULL: of nothing, or of an unknown count, nothing can be said -#}
    case
        when {{ n }} > 0 and {{ k }} is not null
            then greatest(0.0, {{ _wilson_centre(k, n) }} - {{ _wilson_half_width(k, n) }})
    end
{%- endmacro %}

{% macro wilson_high(k, n) -%}
    case
        when {{ n }} > 0 and {{ k }} is not null
            then least(1.0, {{ _wilson_centre(k, n) }} + {{ _wilson_half_width(k, n) }})
    end
{%- endmacro %}

{% macro _wilson_centre(k, n) -%}
    (cast({{ k }} as double) + {{ z() }} * {{ z() }} / 2) / ({{ n }} + {{ z() }} * {{ z() }})
{%- endmacro %}

{% macro _wilson_half_width(k, n) -%}
    {{ z() }} / ({{ n }} + {{ z() }} * {{ z() }})
    * sqrt(cast({{ k }} as double) * ({{ n }} - {{ k }}) / nullif({{ n }}, 0) + {{ z() }} * {{ z() }} / 4)
{%- endmacro %}

{# Net sentiment, (positive - negative) / scored, and its bounds: the variance of a difference of two shares of one
   multinomial sample. With few texts one is added to each of the three classes, so that all of one kind is not taken for
   certainty (Agresti, A. and Caffo, B. (2000), The American Statistician 54, 280-288, in spirit). #}
{% macro net_sentiment(positive_n, negative_n, scored_n) -%}
    cast({{ positive_n }} - {{ negative_n }} as double) / nullif({{ scored_n }}, 0)
{%- endmacro %}

{% macro net_sentiment_low(positive_n, negative_n, scored_n) -%}
    case when {{ scored_n }} > 0 then greatest(-1.0, {{ _net_bound(positive_n, negative_n, scored_n, '-') }}) end
{%- endmacro %}

{% macro net_sentiment_high(positive_n, negative_n, scored_n) -%}
    case when {{ scored_n }} > 0 then least(1.0, {{ _net_bound(positive_n, negative_n, scored_n, '+') }}) end
{%- endmacro %}

{% macro _net_bound(positive_n, negative_n, scored_n, sign) -%}
    case
        when {{ scored_n }} < 30
            then {{ _net_bound_of(positive_n ~ ' + 1', negative_n ~ ' + 1', scored_n ~ ' + 3', sign) }}
        else {{ _net_bound_of(positive_n, negative_n, scored_n, sign) }}
    end
{%- endmacro %}

{% macro _net_bound_of(positive_n, negative_n, scored_n, sign) -%}
    {%- set net = '(cast(((' ~ positive_n ~ ') - (' ~ negative_n ~ ')) as double) / nullif(' ~ scored_n ~ ', 0))' -%}
    {%- set told = '(cast(((' ~ positive_n ~ ') + (' ~ negative_n ~ ')) as double) / nullif(' ~ scored_n ~ ', 0))' -%}
    {{ net }} {{ sign }} {{ z() }} * sqrt(greatest(0.0, {{ told }} - {{ net }} * {{ net }}) / nullif({{ scored_n }}, 0))
{%- endmacro %}

{# Bounds of a mean from n cases with their standard deviation. #}
{% macro mean_low(mean, sd, n) -%}
    {{ mean }} - {{ z() }} * {{ sd }} / sqrt(nullif({{ n }}, 0))
{%- endmacro %}

{% macro mean_high(mean, sd, n) -%}
    {{ mean }} + {{ z() }} * {{ sd }} / sqrt(nullif({{ n }}, 0))
{%- endmacro %}

{# Standard deviation of n whole numbers from their sum and the sum of their squares. Sums of whole numbers are exact, so
   the order of rows cannot show in the last digit. NULL below two. #}
{% macro sd_of_sums(total, squares, n) -%}
    case
        when {{ n }} > 1 then sqrt(greatest(
            0.0, (cast({{ squares }} as double) - cast({{ total }} as double) * {{ total }} / {{ n }}) / ({{ n }} - 1)
        ))
    end
{%- endmacro %}

{# Survival after a step of a Kaplan-Meier curve, from the running sum of the logarithms of what each step left. Kaplan,
   E. L. and Meier, P. (1958), Journal of the American Statistical Association 53, 457-481. #}
{% macro survival(log_survival) -%}
    exp({{ log_survival }})
{%- endmacro %}

{# Its bounds on the log-log scale, which stay between 0 and 1: Kalbfleisch, J. D. and Prentice, R. L. (1980), The
   Statistical Analysis of Failure Time Data. The variance sum is Greenwood's: events / (at risk x (at risk - events)). #}
{% macro survival_low(log_survival, variance_sum) -%}
    exp({{ log_survival }} * exp({{ z() }} * sqrt({{ variance_sum }}) / -nullif({{ log_survival }}, 0)))
{%- endmacro %}

{% macro survival_high(log_survival, variance_sum) -%}
    exp({{ log_survival }} * exp(-{{ z() }} * sqrt({{ variance_sum }}) / -nullif({{ log_survival }}, 0)))
{%- endmacro %}

{# Share of what truly is, from the share of what a classifier flagged (k of n), and from how it did on gold: of positive_n
   it flagged true_positive_n, of negative_n false_positive_n. Rogan, W. J. and Gladen, B. (1978), American Journal of
   Epidemiology 107, 71-76; one is added to each cell of the gold and z^2/2 to the flagged and the others, so that no error
   rate is taken for exactly 0 or 1 (Lang, Z. and Reiczigel, J. (2014), Preventive Veterinary Medicine 113, 13-22, in
   spirit). NULL where the classifier is hardly better than chance: sensitivity + specificity - 1 below 0.1. #}
{% macro true_share(k, n, true_positive_n, positive_n, false_positive_n, negative_n) -%}
    {%- set skill = _skill(true_positive_n, positive_n, false_positive_n, negative_n) -%}
    case
        when {{ n }} > 0 and {{ skill }} >= 0.1
            then least(1.0, greatest(0.0, {{ _true_share(k, n, true_positive_n, positive_n, false_positive_n, negative_n) }}))
    end
{%- endmacro %}

{# Its bounds: the error of the flagged share, of the sensitivity and of the specificity, each as far as it bears on it.
   Around the share as clipped: that fewer were flagged than the model flags wrongly is no certainty that there are none. #}
{% macro true_share_low(k, n, true_positive_n, positive_n, false_positive_n, negative_n) -%}
    {{ _true_share_bound(k, n, true_positive_n, positive_n, false_positive_n, negative_n, '-') }}
{%- endmacro %}

{% macro true_share_high(k, n, true_positive_n, positive_n, false_positive_n, negative_n) -%}
    {{ _true_share_bound(k, n, true_positive_n, positive_n, false_positive_n, negative_n, '+') }}
{%- endmacro %}

{% macro _rate_of_gold(k, n) -%}
    ((cast({{ k }} as double) + 1) / ({{ n }} + 2))
{%- endmacro %}

{% macro _flagged_rate(k, n) -%}
    ((cast({{ k }} as double) + {{ z() }} * {{ z() }} / 2) / ({{ n }} + {{ z() }} * {{ z() }}))
{%- endmacro %}

{% macro _skill(true_positive_n, positive_n, false_positive_n, negative_n) -%}
    ({{ _rate_of_gold(true_positive_n, positive_n) }} - {{ _rate_of_gold(false_positive_n, negative_n) }})
{%- endmacro %}

{% macro _true_share(k, n, true_positive_n, positive_n, false_positive_n, negative_n) -%}
    (({{ share(k, n) }} - {{ _rate_of_gold(false_positive_n, negative_n) }})
    / {{ _skill(true_positive_n, positive_n, false_positive_n, negative_n) }})
{%- endmacro %}

{% macro _true_share_bound(k, n, true_positive_n, positive_n, false_positive_n, negative_n, sign) -%}
    {%- set skill = _skill(true_positive_n, positive_n, false_positive_n, negative_n) -%}
    {%- set centre = _true_share(k, n, true_positive_n, positive_n, false_positive_n, negative_n) -%}
    {%- set clipped = 'least(1.0, greatest(0.0, ' ~ centre ~ '))' -%}
    {%- set flagged = _flagged_rate(k, n) -%}
    {%- set sensitivity = _rate_of_gold(true_positive_n, positive_n) -%}
    {%- set false_rate = _rate_of_gold(false_positive_n, negative_n) -%}
    case
        when {{ n }} > 0 and {{ skill }} >= 0.1
            then least(1.0, greatest(0.0, {{ clipped }} {{ sign }} {{ z() }} / {{ skill }} * sqrt(
                {{ flagged }} * (1 - {{ flagged }}) / ({{ n }} + {{ z() }} * {{ z() }})
                + power({{ clipped }}, 2) * {{ sensitivity }} * (1 - {{ sensitivity }}) / ({{ positive_n }} + 2)
                + power(1 - {{ clipped }}, 2) * {{ false_rate }} * (1 - {{ false_rate }}) / ({{ negative_n }} + 2)
            )))
    end
{%- endmacro %}

{# ---- counts, and changes -------------------------------------------------------------------------------------------- #}

{# The point of Student's distribution that stands for z() when a variance is estimated with so many degrees of freedom:
   the first terms of its expansion, good to 1 % from 5 on. Abramowitz, M. and Stegun, I. A. (1964), Handbook of
   Mathematical Functions, 26.7.5. #}
{% macro student_t(degrees) -%}
    ({{ z() }} + ({{ z() }} * {{ z() }} * {{ z() }} + {{ z() }}) / (4.0 * {{ degrees }})
    + (5 * power({{ z() }}, 5) + 16 * power({{ z() }}, 3) + 3 * {{ z() }}) / (96.0 * {{ degrees }} * {{ degrees }}))
{%- endmacro %}

{# Bounds of a count whose variance is `dispersion` times its mean (quasi-Poisson; McCullagh, P. and Nelder, J. A. (1989),
   Generalized Linear Models, 6.2.3): the means from which the count is just `quantile` standard errors away, as Wilson's
   bounds are for shares. Never below zero, and of a count of zero they reach up. NULL where any of the three is. #}
{% macro count_low(value, dispersion, quantile) -%}
    {#- greatest() passes over NULL -#}
    case
        when {{ value }} is not null and {{ dispersion }} is not null
            then greatest(0.0, {{ _count_bound(value, dispersion, quantile, '-') }})
    end
{%- endmacro %}

{% macro count_high(value, dispersion, quantile) -%}
    {{ _count_bound(value, dispersion, quantile, '+') }}
{%- endmacro %}

{% macro _count_bound(value, dispersion, quantile, sign) -%}
    (
        {{ value }} + {{ quantile }} * {{ quantile }} * {{ dispersion }} / 2
        {{ sign }} {{ quantile }} * sqrt(
            {{ dispersion }} * ({{ value }} + {{ quantile }} * {{ quantile }} * {{ dispersion }} / 4)
        )
    )
{%- endmacro %}

{# Bounds of the difference of two estimates that do not depend on each other, from the bounds of both, which need not lie
   evenly about them: Zou, G. Y. and Donner, A. (2008), Statistics in Medicine 27, 1693-1702. For shares with Wilson's
   bounds it is Newcombe's method 10. NULL where any of the six is. #}
{% macro difference_low(value, low, high, other, other_low, other_high) -%}
    ({{ value }} - {{ other }}) - {{ _distance(value, low, other, other_high) }}
{%- endmacro %}

{% macro difference_high(value, low, high, other, other_low, other_high) -%}
    ({{ value }} - {{ other }}) + {{ _distance(value, high, other, other_low) }}
{%- endmacro %}

{# Whether the interval of a change leaves nothing out on one side; NULL where there is none. #}
{% macro is_clear(low, high) -%}
    ({{ low }} > 0 or {{ high }} < 0)
{%- endmacro %}

{# How many times Poisson's the variance of a month's sum is, from its days: `squares` and `products` of neighbouring days
   are sums over the standardized distances of days from what is usual on their weekday. Never below 1. Days that go
   together with their neighbours' make sums less sure, as (1 + r) / (1 - r) of a first-order autoregression: Bartlett,
   M. S. (1946), Journal of the Royal Statistical Society, supplement 8, 27-41; what goes against them is not counted on. #}
{% macro dispersion(squares, degrees, memory) -%}
    (greatest(1.0, {{ squares }} / {{ degrees }}) * (1 + {{ memory }}) / (1 - {{ memory }}))
{%- endmacro %}

{% macro memory_of_days(products, squares) -%}
    least(0.8, greatest(0.0, coalesce({{ products }} / nullif({{ squares }}, 0), 0.0)))
{%- endmacro %}
