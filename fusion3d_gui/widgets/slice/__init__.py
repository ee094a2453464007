"""The slice view: canvas, layers, mouse."""
