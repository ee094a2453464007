"""The menus View, Window and Heatmap."""
