"""Gateware in Amaranth, one component a file."""
