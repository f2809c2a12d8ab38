"""Tools for tests: real contexts in one call, fakes, and a driver that cancels at every checkpoint.

Hypothesis strategies are in `gnomon_context.testing.strategies`, with the extra `gnomon-context[testing]`.
"""

from ._audit import AuditReport, Bypass, audit_modules
from ._checkpoints import Trial, Trials, cancel_at_every_checkpoint
from ._contexts import global_context, local_context
from ._fakes import FakeMemory, VirtualSources, virtual_clock

__all__ = [
    "AuditReport",
    "Bypass",
    "FakeMemory",
    "Trial",
    "Trials",
    "VirtualSources",
    "audit_modules",
    "cancel_at_every_checkpoint",
    "global_context",
    "local_context",
    "virtual_clock",
]

_name = ""
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
