"""The golden models, the timing model and the simulated board."""
