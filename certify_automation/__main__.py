"""`python -m certify_automation` is `certify-automation`."""

import sys

from certify_automation.cli import main

if __name__ == "__main__":
    sys.exit(main())
