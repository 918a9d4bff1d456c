"""Slack, from exports of a workspace."""
