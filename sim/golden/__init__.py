"""Integer models that the gateware equals in every bit; they are the specification."""
