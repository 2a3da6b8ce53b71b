"""Pretraining: from images without labels to a backbone, through a recipe. Needs the `ml` extra."""
