{# The form of a post, told by its structure: what it shows, how its title is put, how long it is. #}

{# text, picture, video, link, or title_only: by the address that it links to, and by whether it says something itself. #}
{% macro shown_form(url, body) -%}
    case
        {%- for form, endings in {
            'picture': ['jpg', 'jpeg', 'png', 'gif', 'webp', 'avif', 'heic'], 'video': ['mp4', 'webm', 'mov', 'm4v', 'gifv'],
        }.items() %}
        when {% for ending in endings -%}
            lower({{ url }}) like '%.{{ ending }}' or lower({{ url }}) like '%.{{ ending }}?%'
            {{- ' or ' if not loop.last }}
        {%- endfor %} then '{{ form }}'
        {%- endfor %}
        when {{ url }} is not null then 'link'
        when length(trim({{ body }})) > 0 then 'text'
        else 'title_only'
    end
{%- endmacro %}

{# How a title is put; English in that how_to is told by its first words. #}
{% macro title_form(title) -%}
    case
        when {{ title }} is null or length(trim({{ title }})) = 0 then 'no_title'
        when lower(trim({{ title }})) like 'how to %' or lower(trim({{ title }})) like 'how i %' then 'how_to'
        when trim({{ title }}) like '%?' then 'question'
        when substring(trim({{ title }}), 1, 1) between '0' and '9' then 'number_first'
        else 'statement'
    end
{%- endmacro %}

{# Characters of title and body together. #}
{% macro length_band(title, body) -%}
    {%- set characters = "(length(coalesce(" ~ title ~ ", '')) + length(coalesce(" ~ body ~ ", '')))" -%}
    case
        when {{ characters }} < 100 then 'under_100'
        when {{ characters }} < 500 then '100_to_499'
        when {{ characters }} < 2000 then '500_to_1999'
        else '2000_or_more'
    end
{%- endmacro %}

{% macro weekday_name(date) -%}
    case {{ iso_weekday(date) }}
        {%- for name in ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] %}
        when {{ loop.index }} then '{{ name }}'
        {%- endfor %}
    end
{%- endmacro %}

{# Six hours of the UTC day. #}
{% macro day_part(time) -%}
    case
        when {{ utc_hour(time) }} < 6 then '00_to_05_utc'
        when {{ utc_hour(time) }} < 12 then '06_to_11_utc'
        when {{ utc_hour(time) }} < 18 then '12_to_17_utc'
        else '18_to_23_utc'
    end
{%- endmacro %}
