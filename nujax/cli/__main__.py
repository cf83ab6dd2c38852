"""`python -m nujax.cli` is the same as `nujax`."""

from nujax.cli import main

if __name__ == "__main__":
    main()
