"""Mastodon, without a key: tags as an instance sees them, and an instance's own public timeline."""
