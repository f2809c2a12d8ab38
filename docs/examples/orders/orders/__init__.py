"""A small order service: what a service written with gnomon looks like."""
