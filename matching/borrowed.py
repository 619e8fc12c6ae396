"""Views of arrays that own nothing, for compiled code.

At every access to a member of a named tuple Numba counts, atomically, references to whatever owns the array: it took
three quarters of the time of a search (docs/decisions/0010).
"""

from typing import Any

from numba import types
from numba.extending import intrinsic


def _disown(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Write a copy of an array's shape and address, or of those of a tuple's arrays, without their owners."""
    if isinstance(kind, types.Array):
        array = context.make_array(kind)(context, builder, value=value)
        for owner in ("meminfo", "parent"):
            setattr(array, owner, getattr(array, owner).type(None))
        return array._getvalue()
    for k, part in enumerate(kind.types):
        view = _disown(context, builder, part, builder.extract_value(value, k))
        value = builder.insert_value(value, view, k)
    return value


def _borrowed(_: Any, owned: Any) -> Any:
    """Give an array, or a named tuple of arrays, as views that own nothing, to be used while the caller keeps it."""
    return owned(owned), lambda context, builder, _, args: _disown(context, builder, owned, args[0])


borrowed: Any = intrinsic(_borrowed)
