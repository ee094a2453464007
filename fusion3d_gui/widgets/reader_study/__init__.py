"""The window in which a reader reads the cases of a reader study."""
