"""Type parameters with defaults for ``Request``, ``Response`` and ``WebSocket``.

``typing.TypeVar`` takes ``default=`` only from CPython 3.13 on. Checkers read the form of ``typing_extensions``; at
run time a subscription only has to remember its arguments, so nothing has to be installed for it.
"""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    Body = TypeVar("Body", default=Any)
    Query = TypeVar("Query", default=Any)
    Fields = TypeVar("Fields", default=Any)
    In = TypeVar("In", default=Any)
    Out = TypeVar("Out", default=Any)

    class OneParameter(Generic[Body]):
        __slots__ = ()

    class TwoParameters(Generic[In, Out]):
        __slots__ = ()

    class ThreeParameters(Generic[Body, Query, Fields]):
        __slots__ = ()
else:
    from typing import TypeVar

    Body = TypeVar("Body")
    Query = TypeVar("Query")
    Fields = TypeVar("Fields")
    In = TypeVar("In")
    Out = TypeVar("Out")

    class _Subscripted:
        __slots__ = ()
        __class_getitem__ = classmethod(GenericAlias)

    class OneParameter(_Subscripted):
        __slots__ = ()

    class TwoParameters(_Subscripted):
        __slots__ = ()

    class ThreeParameters(_Subscripted):
        __slots__ = ()
