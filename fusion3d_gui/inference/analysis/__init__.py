"""What can be asked about one prediction: what-if, Shapley shares, uncertainty."""
