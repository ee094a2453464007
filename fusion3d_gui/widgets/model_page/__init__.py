"""The model's page: its card, figures, curves, subgroups and heatmaps, in a window of its own."""
