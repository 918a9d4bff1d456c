"""Sources: one module per platform and route. A source asks, maps to the contract and seals a load; nothing else.

A source knows the contract, the entries of the config (its own and its neighbours'), and landing; a live one also what
raw holds of its community. It knows neither the rest of the config nor gates nor the warehouse. Importing this package
imports nothing: modules are named where they are used.
"""
