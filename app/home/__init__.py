"""Front page, style guide and health check."""
