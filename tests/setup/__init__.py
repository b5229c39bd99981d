"""What ``./run test`` and ``./run bench`` need on a machine: packages, servers, an image."""
