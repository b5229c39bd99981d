"""Files that arrive with a form: in it, before it, or in parts."""
