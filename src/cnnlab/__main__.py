"""`python -m cnnlab`: the same as the command `cnnlab`."""

from cnnlab.cli import main

main()
