"""Boards: pins, clocks and bitstream builds."""
