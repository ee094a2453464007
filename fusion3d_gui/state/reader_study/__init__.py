"""Reading the cases of a reader study."""
