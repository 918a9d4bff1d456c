"""HTML as platforms send it, and as people abuse it, becomes the text that readers see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.sources.html_text import MOST_HTML_CHARS, text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("plain & text", "plain & text"),
        ("", ""),
        ("<p></p>", ""),
        # Hacker News: paragraphs without end tags, entities, links cut for the eye.
        ("one<p>two &amp; it&#x27;s <a href='https://x.example/long'>https://x.exa...</a>", "one\n\ntwo & it's https://x.exa..."),
        ("x <i>y</i>z <b> w </b>", "x yz w"),
        ("a<br>b<br/><br/><br>c", "a\nb\n\nc"),
        ("<pre><code>  def f():\n    pass\n</code></pre>after", "  def f():\n    pass\n\nafter"),
        ("<ul><li>one<li>two</ul>three", "one\ntwo\n\nthree"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</table>", "a b\nc"),
        # Mastodon: parts of addresses that are hidden are part of the word.
        ("<span class='invisible'>https://</span><span class='ellipsis'>e.ex/a</span><span>b</span>", "https://e.ex/ab"),
        # Discourse: an emoji is what it stands for, another picture is none; a quotation is another's.
        ("hi <img class='emoji' alt=':tea:'> <img src='x.png' alt='a photo'>there", "hi :tea: there"),
        ("<aside class='quote'><div class='title'>bob:</div><blockquote>hers</blockquote></aside><p>mine</p>", "mine"),
        ("<blockquote>cited by hand</blockquote>mine", "cited by hand\n\nmine"),
        ("<script>alert(1)</script><style>p{}</style><!-- c -->ok<noscript>no</noscript>", "ok"),
        ("1 < 2 &lt;b&gt; <b", "1 < 2 <b>"),
        ("<div hidden>secret</div>seen", "seen"),
        ("</p></div>loose<p>ends", "loose\n\nends"),
    ],
)  # fmt: skip
def test_text_of__is_what_readers_see(html: str, text: str):
    assert text_of(html) == text


def test_text_of__nesting_of_any_depth_keeps_the_text():
    for tag in ("b", "div", "blockquote", "ul><li"):
        assert text_of(f"<{tag}>" * 5_000 + "deep").strip() == "deep"


def test_text_of__reads_no_more_than_the_limit():
    assert len(text_of("<p>" + "x" * (2 * MOST_HTML_CHARS))) <= MOST_HTML_CHARS


@given(st.text(alphabet="<>/&;'\"= abp!-\n\x00", max_size=60))
def test_text_of__never_fails_and_leaves_no_blanks_at_the_ends_of_lines(html: str):
    text = text_of(html)
    assert not text.endswith("\n")
    assert "\n\n\n" not in text or "<pre" in html
