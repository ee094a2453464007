"""Statistics of a model's training cases, to compare a new case with."""
