"""Paths and methods to routes, with typed path parameters. Standard library only.

A `Router` maps a method and a path to an endpoint of any type. Where several patterns match a path, the
most specific one answers, whatever the order in which they were added.
"""

from gnomon_router._errors import (
    MethodError,
    MethodNotAllowed,
    PatternError,
    RouteConflict,
    RouteNotFound,
    RouterError,
)
from gnomon_router._pattern import Kind, Parameter, ParameterValue
from gnomon_router._router import Match, Route, Router

__all__ = [
    "Kind",
    "Match",
    "MethodError",
    "MethodNotAllowed",
    "Parameter",
    "ParameterValue",
    "PatternError",
    "Route",
    "RouteConflict",
    "RouteNotFound",
    "Router",
    "RouterError",
]

for _name in __all__:
    if isinstance(_export := globals()[_name], type):
        _export.__module__ = __name__
