"""Stand-ins for the outside world, for tests and the demo: made-up communities whose truth is known."""
