"""How the control database came to be, step by step."""
