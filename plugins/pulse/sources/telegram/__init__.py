"""Telegram, from exports of a group or channel."""
