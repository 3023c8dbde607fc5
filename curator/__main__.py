"""`python -m curator` is the command `curator`."""

from curator.cli import main

if __name__ == "__main__":
    main()
