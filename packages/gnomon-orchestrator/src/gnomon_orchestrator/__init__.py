"""Hook plans, timeouts, retries, compensation and lifecycle events around a handler, on trio."""
