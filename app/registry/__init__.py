"""Which encoders there are, which index versions were built, and which one is served."""
