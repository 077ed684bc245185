"""Run the command line as ``python -m lockml``."""

from lockml.cli.main import main

if __name__ == "__main__":
    main()
