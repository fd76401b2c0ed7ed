"""`python -m litho` is the command line."""

from litho.cli import main

if __name__ == "__main__":
    main()
