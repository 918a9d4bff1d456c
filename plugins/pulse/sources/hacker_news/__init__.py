"""Hacker News, without a key: Algolia's search for days, Firebase for what is gone."""
