"""The case on screen: opening it, its form values, its identity."""
