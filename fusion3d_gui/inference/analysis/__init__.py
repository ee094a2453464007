"""Analyses of one prediction: what-if, Shapley contributions, uncertainty."""
