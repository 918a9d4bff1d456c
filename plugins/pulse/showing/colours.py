"""The colours of the report and of the page in Airflow: CSS variables for light and dark, each defined once.

Texts in ``ink``, ``muted``, ``link``, ``good`` and ``bad`` have a contrast of 4.5 to 1 or more on ``surface`` and
``raised`` (WCAG 2, level AA; tests in a browser measure it).
"""

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "surface": "#ffffff", "raised": "#f6f7f9", "ink": "#1b2430", "muted": "#56606e", "line": "#dde1e7",
    "shade": "#eceef1", "link": "#1a56b0", "series-1": "#2563b8", "series-2": "#c2570c", "good": "#17663f",
    "bad": "#a93226", "positive": "#2563b8", "neutral": "#aab2bd", "negative": "#c2570c", "notice": "#fdf3dc",
}  # fmt: skip
DARK: Mapping[str, str] = {
    "surface": "#12161c", "raised": "#1a2028", "ink": "#e7ebf0", "muted": "#a6b0bc", "line": "#313a45",
    "shade": "#242b34", "link": "#8cb8ff", "series-1": "#6ea8ff", "series-2": "#ff9f5a", "good": "#6fd19c",
    "bad": "#ff9d8f", "positive": "#6ea8ff", "neutral": "#5c6673", "negative": "#ff9f5a", "notice": "#372d14",
}  # fmt: skip


def css() -> str:
    """Rules for both; dark on a screen where the reader's system or ``data-theme`` of the root asks for it."""
    dark = _variables(DARK)
    return (
        f":root {{ color-scheme: light dark; {_variables(LIGHT)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root:not([data-theme=light]) {{ {dark} }} }}\n"
        f"@media screen {{ :root[data-theme=dark] {{ color-scheme: dark; {dark} }} }}\n"
        "@media screen { :root[data-theme=light] { color-scheme: light; } }\n"
    )


def _variables(of: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in of.items())
