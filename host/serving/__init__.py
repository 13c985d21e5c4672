"""An OpenAI-style HTTP server for a board. Only this folder imports the web framework."""
