"""Models, predictions, explanations and comparisons of them."""
