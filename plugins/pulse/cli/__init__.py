"""The command line: ``pulse``."""
