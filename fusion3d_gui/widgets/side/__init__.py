"""The side panel: model, form, prediction, explanation."""
