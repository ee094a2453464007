"""The optimisation: recipe, batches, Lightning module, initial weights."""
