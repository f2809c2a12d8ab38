"""`python -m gnomon_manifest` is the command `gnomon-manifest`."""

from .cli import main

if __name__ == "__main__":
    main(prog_name="gnomon-manifest")
