"""From gateware to files: Verilog, synthesis, placement, and results that are kept."""
