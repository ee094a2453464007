"""The reader's marks, and what of them a view shows."""
