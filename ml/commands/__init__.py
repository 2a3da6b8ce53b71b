"""The commands of `python -m ml`, a file each: `add_arguments(parser)` and `run(options, progress)`."""
