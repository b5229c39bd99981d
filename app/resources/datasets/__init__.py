"""The public pages of datasets: found by anybody, and by search engines."""
