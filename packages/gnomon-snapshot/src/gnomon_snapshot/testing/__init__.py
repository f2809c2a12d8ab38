"""For tests: what every store must do, snapshots on demand, an application to record, and a comparison that knows identity.

Hypothesis strategies are in `gnomon_snapshot.testing.strategies`, with the extra `gnomon-snapshot[testing]`.
"""

from types import FunctionType

from gnomon_snapshot.testing._application import Answered, Application, Asked
from gnomon_snapshot.testing._conformance import STORE_CHECKS, StoreCheck, check_store, make_snapshot
from gnomon_snapshot.testing._same import difference

__all__ = [
    "STORE_CHECKS",
    "Answered",
    "Application",
    "Asked",
    "StoreCheck",
    "check_store",
    "difference",
    "make_snapshot",
]

for _name in __all__:
    if isinstance(_export := globals()[_name], (type, FunctionType)):
        _export.__module__ = __name__
