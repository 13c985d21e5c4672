"""The link to the host: frames over a byte stream, and the registers behind them."""
