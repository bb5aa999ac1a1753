"""What is measured and captured of a training, before a model may be judged."""
