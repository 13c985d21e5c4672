"""The commands of `trine`, one a file: each has `add_arguments(parser)` and `run(args)`."""
