"""What the config says to listen for, as tables, and where people speak of it."""
