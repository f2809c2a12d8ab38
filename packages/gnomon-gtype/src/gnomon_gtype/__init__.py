"""Runtime types from plain annotations, compiled to pydantic-core, with structured diagnostics."""
