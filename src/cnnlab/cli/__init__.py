"""The command line: one file per command, each of which parses, delegates and prints."""

import sys


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; Ctrl-C while it is being loaded is one line too."""
    try:
        from cnnlab.cli.app import main as run
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    run(arguments)


__all__ = ["main"]
