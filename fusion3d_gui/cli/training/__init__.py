"""Commands that generate, train, measure and compare; of models and of readers."""
