"""What a data scientist imports to say what a factory is made of."""
