"""`python -m certify_automation` is `certify-automation`."""

import sys
from importlib import import_module

INTERRUPTED = 130


def main() -> int:
    """Run the command line of this process and return its exit code; Ctrl-C while it is being imported ends it too."""
    try:
        return int(import_module("certify_automation.cli").main())
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
