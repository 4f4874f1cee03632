"""The command line: one file per command, each of which parses, delegates and prints."""

from cnnlab.cli.app import main

__all__ = ["main"]
