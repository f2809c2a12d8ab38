"""The request runtime: every request is typed, cancellable, versioned and replayable."""
