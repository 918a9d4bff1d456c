"""``python -m pulse.cli``: the same as ``pulse``."""

from pulse.cli.app import main

main()
