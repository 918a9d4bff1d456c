"""Feeds of Bluesky and what answers their posts, by its public API, without an account."""
