"""What the command line can ask: each module opens the factory, does one thing and gives a value."""
