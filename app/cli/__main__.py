"""`python -m app.cli` is `winnow`."""

from app.cli import main

main()
