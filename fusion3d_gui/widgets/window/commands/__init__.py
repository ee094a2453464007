"""Commands of the main window: one module per menu, and their declaration."""
