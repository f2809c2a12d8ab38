"""Reads source code, without importing it, into manifests of handlers, hooks and types."""
