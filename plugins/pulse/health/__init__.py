"""How a home is: what became of each day, and what is damaged; and setting damage aside."""
