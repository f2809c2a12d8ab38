"""Fakes for tests of what runs in a plan: real plans, real contexts, no network."""

from ._fakes import EventLog, FakeRequest, FakeResponse

__all__ = ["EventLog", "FakeRequest", "FakeResponse"]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
