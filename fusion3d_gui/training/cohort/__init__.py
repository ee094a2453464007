"""The semi-synthetic cohort: anatomy, lesions, simulated population."""
