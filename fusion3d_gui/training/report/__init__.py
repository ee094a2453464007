"""What an evaluation leaves: model cards, plots, pages and tables."""
