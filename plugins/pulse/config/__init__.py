"""The config: what to listen to and by which rules, checked strictly when it is read."""
