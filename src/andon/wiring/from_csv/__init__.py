"""From a CSV file to the code of a factory, by guesses that are told."""
