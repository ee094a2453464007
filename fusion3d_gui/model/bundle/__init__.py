"""The folder that carries a model: its configuration, its weights and their digest."""
