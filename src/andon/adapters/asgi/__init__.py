"""The door to the web server: predictions over HTTP, spoken as the Open Inference Protocol and as plain entities."""
