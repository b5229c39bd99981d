"""What a submission's page shows while it changes: logs, state, graphs, by one cheap poll."""
