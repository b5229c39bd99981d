"""Tasks that come as a zip of their own."""
