"""Community Pulse: community posts in, tables that can be believed out."""
