"""What a person submitted, everywhere, and what it keeps: a tab of the resources."""
