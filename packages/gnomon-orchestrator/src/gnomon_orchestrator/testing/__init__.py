"""For tests of what runs in plans: a bench and fakes, requests as data, and the lifecycle as a reference model.

``gnomon_orchestrator.testing.strategies`` generates such requests; it needs the extra ``testing``.
"""

from ._bench import Bench, FakeGuard, FakeValidator, Invalid, Refused
from ._fakes import EventLog, FakeRequest, FakeResponse, FakeSocket
from ._model import expected
from ._perform import Performance, performed
from ._scenario import Act, Callback, Child, Interruption, Part, Scenario, Trace

__all__ = [
    "Act",
    "Bench",
    "Callback",
    "Child",
    "EventLog",
    "FakeGuard",
    "FakeRequest",
    "FakeResponse",
    "FakeSocket",
    "FakeValidator",
    "Interruption",
    "Invalid",
    "Part",
    "Performance",
    "Refused",
    "Scenario",
    "Trace",
    "expected",
    "performed",
]

_name = ""
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
