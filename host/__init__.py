"""The host driver: model files, links, boards, sampling and the command line."""
