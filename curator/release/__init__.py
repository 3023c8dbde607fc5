"""An immutable, explainable folder of samples."""
