"""Texts that Reddit, or a tool that exports it, puts where a text is gone. They are nobody's speech.

The one list for every route to Reddit. A text is a notice if all of it is one: trimmed, in any case, with or without
Markdown marks and escapes around it (``\\[removed\\]``, ``*[deleted]*``). A notice inside a longer text is a quotation
and stays.

Sources, looked up 2026-11-28:

- ``[deleted]``, ``[removed]``: Reddit's API, and most texts of the Pushshift dumps.
- ``[deleted by user]``, ``[ Removed by Reddit ]``, ``[ Removed by moderator ]`` as titles, ``[ Removed by reddit in
  response to a copyright notice. ]`` and ``[ Removed by Reddit on account of violating the [content
  policy](/help/contentpolicy). ]`` as texts, with and without the blanks, the link and the capital: readers of the API
  and of dumps on GitHub that leave such posts out compare with these spellings. Legal notices stand in place of the
  text since May 2015 (https://www.reddit.com/r/announcements/comments/35uyil/).
- ``[unavailable]``: what is shown in place of an account that blocked the reader.
- ``Comment removed by moderator``, ``Comment deleted by user``, ``Moderator removed thread``, ``Sorry, this post was
  removed by Reddit's spam filters.`` and its variants: words of Reddit's own pages, as their scripts hold them; exports
  made from pages have them.
- Kinds of removal: the field statistics that Arctic Shift publishes beside its dumps (2026-01).
"""

# No pattern here limits how often something repeats: DuckDB prepares each repetition apart, which took longer than
# reading a page of the API. The length of a notice is limited as a whole.

# Who can take a text down, other than its author. Anything after "by" that is not listed is left alone: people write
# "[removed by popular demand]" too.
_AUTHORITY = (
    r"(?:an? |the |its )?(?:reddit(?: inc)?(?:['’]?s)?|(?:sub)?(?:reddit )?mod(?:erator)?s?(?: team)?|"
    r"auto ?mod(?:erator)?|"
    r"admin(?:istrator)?s?|r/\w+(?: mod(?:erator)?s?)?|anti[- ]evil(?: operations)?|community team|legal(?: team)?|"
    r"(?:spam|safety) filters?)(?:['’]?s)?(?: (?:\w+ )?(?:anti[- ]evil operations(?: team)?|(?:spam |safety )?filters?|"
    r"moderators?|admins?|legal operations(?: team)?|legal team|community team|team))?(?: of r/[\w ]+)?"
)
_AUTHOR = (
    r"(?:an? |the |its |their )?(?:user|author|poster|op|original poster|account owner|owner|creator|themselves|"
    r"person who originally posted it)"
)
_WHAT = (
    r"(?:(?:this |the |sorry,? this )?(?:comment|post|submission|content|message|text|title|thread)"
    r"(?: (?:was|has been|is))? )?"
)
# Why: a phrase of the platform's, to the end. Links in it are Markdown.
_WHY = (
    r"(?: (?:in response to|on account of|due to|because of|for|pursuant to|following|under) (?:an? |the |its )?"
    r"(?:\w+ )?(?:violat|break|copyright|trademark|dmca|legal|court|law|reddit|content policy|our content policy|"
    r"rules?|request|report|local law)[^\n]*| too many times| in (?:your|this) (?:country|region))?"
)
_BY_AUTHOR = (
    rf"{_WHAT}deleted(?: by {_AUTHOR})?|{_WHAT}removed by {_AUTHOR}|user deleted (?:comment|post)(?: :\()?|"
    r"deleted (?:comment|post|user|account)|account deleted|user deleted"
)
_BY_AUTHORITY = (
    rf"{_WHAT}(?:(?:removed|not available|withheld|taken down)(?: by {_AUTHORITY})?|deleted by {_AUTHORITY}|"
    rf"unavailable){_WHY}|"
    r"removed (?:comment|post)|moderators? removed (?:thread|comment|post)|"
    r"(?:copyright|dmca|legal|content) (?:takedown|take[- ]?down|removal)|account suspended|awaiting moderator approval"
)
# Without brackets only what is no plain sentence of a person: whose words these are is said in full.
_BARE_BY_AUTHOR = (
    rf"(?:comment|post|submission) deleted by {_AUTHOR}|deleted by (?:user|author)|user deleted comment(?: :\()?|"
    rf"sorry,? this (?:comment|post) (?:was|has been) (?:removed|deleted) by {_AUTHOR}"
)
_BARE_BY_AUTHORITY = (
    rf"(?:comment|post|submission) removed by {_AUTHORITY}|removed by (?:reddit|moderators?)|"
    rf"moderators? removed thread|"
    rf"sorry,? this (?:comment|post) (?:was|has been) removed by {_AUTHORITY}{_WHY}|"
    rf"removed by reddit (?:in response to|on account of) [^\n]*"
)

# Longer texts are no notices; Reddit's longest has about 100 characters.
_LONGEST_CHARS = 260
_BLANK = r"[\s\p{Z}\x{200B}-\x{200D}\x{2060}\x{FEFF}\\*_~`]"
# How every notice begins, behind a few blanks and marks: cheap, and false for nearly all that people write. How many
# there may be is looked at apart: DuckDB takes milliseconds to prepare a limited repetition of a Unicode class.
_BEGINS = rf"^{_BLANK}*(?:\[|(?i:comment|post|submission|removed|deleted|user deleted|moderators? removed|sorry,?) )"
_MOST_BLANKS_BEFORE = 20


def _bracketed(words: str) -> str:
    return rf"\[ ?(?:{words})[.!]? ?\][.!]?"


_PATTERNS = (
    ("by_author", f"{_bracketed(_BY_AUTHOR)}|(?:{_BARE_BY_AUTHOR})[.!]?"),
    ("by_moderator", f"{_bracketed(_BY_AUTHORITY)}|(?:{_BARE_BY_AUTHORITY})[.!]?"),
)


def notice_sql(text_sql: str) -> str:
    """DuckDB expression: who took the text away, ``by_author`` or ``by_moderator``, if it is a notice; else NULL.

    Nearly every text is told by its beginning or its length; the full patterns meet only what is left.
    """
    lowered = f"lower({text_sql})"
    plain = f"trim(regexp_replace({lowered}, '{_BLANK}+', ' ', 'g'))"
    branches = " ".join(
        f"when regexp_full_match({plain}, {_quoted(pattern)}) then '{who}'" for who, pattern in _PATTERNS
    )
    begins = f"regexp_matches({text_sql}, '{_BEGINS}')"
    is_short = (
        f"length({text_sql}) <= {_LONGEST_CHARS} "
        f"and length(regexp_extract({text_sql}, '^{_BLANK}*')) <= {_MOST_BLANKS_BEFORE}"
    )
    return (
        f"case when {text_sql} = '[deleted]' then 'by_author' when {text_sql} = '[removed]' then 'by_moderator' "
        f"when {begins} then case when {is_short} then case {branches} end end end"
    )


def is_notice_sql(text_sql: str) -> str:
    """DuckDB expression: whether the text is a notice; false for NULL."""
    return f"(({notice_sql(text_sql)}) is not null)"


def _quoted(pattern: str) -> str:
    return "'" + pattern.replace("'", "''") + "'"
