"""Starts the whole of Plumbline on one machine; imports nothing of the app, so that it stays small."""
