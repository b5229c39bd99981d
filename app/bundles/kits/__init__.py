"""Starting kits made from tasks."""
