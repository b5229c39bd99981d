"""The bundles that a person keeps: uploads, imports, checks and dumps; a tab of the resources."""
