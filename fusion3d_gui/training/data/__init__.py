"""Tables of cases, splits, and preprocessed inputs in memory."""
