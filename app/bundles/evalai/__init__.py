"""Challenges of EvalAI as drafts, and what runs their evaluation scripts as they are."""
