"""`python -m gnomon` is the command `gnomon`."""

from .cli import main

main(prog_name="gnomon")
