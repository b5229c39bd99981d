"""The worker: takes runs from one compute queue and runs them on this machine; imports no app."""

__version__ = "0.1.0"
