"""What is measured of heatmaps: displacement, localisation, and what blanking their peaks does."""
