"""Queues in SQLite that survive a killed process: what waits to be sent, and what was received."""
