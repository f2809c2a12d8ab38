"""Real contexts for tests."""

from ._contexts import global_context, local_context

__all__ = ["global_context", "local_context"]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
