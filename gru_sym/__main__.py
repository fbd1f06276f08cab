"""`python -m gru_sym`: the command line, which stands in `gru_sym.cli`."""

import sys

from gru_sym.cli.main import as_module, main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(as_module())
