"""Real contexts for tests, and a driver that cancels a scenario at each of its checkpoints."""

from ._checkpoints import Trial, Trials, cancel_at_every_checkpoint
from ._contexts import global_context, local_context

__all__ = ["Trial", "Trials", "cancel_at_every_checkpoint", "global_context", "local_context"]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
