"""Reddit: archives (``reddit_archive``) and the API (``reddit_api``), by one mapping."""
