"""Model cards, plots and pages of evaluations."""
