"""Measurements of whole stacks and of long boards; nothing here is a test."""
