"""From a case to a prediction and its explanation. ``prediction`` imports no torch; the rest does."""
