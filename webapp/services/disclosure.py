"""What each role may see of a person, field by field: the one place that says so.

Tests open every page of every role and look for what stands in none of its rows; a page that shows more fails them.
"""

from collections.abc import Mapping

RESIDENT = ("name", "email", "phone", "address", "place label", "door", "note", "opinion")
MEMBER = ("name", "code", "door")
GUARDIAN = ("name", "email", "phone")
NONE: frozenset[str] = frozenset()

SEES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "driver": {"resident": frozenset({"name", "door"}), "member": frozenset({"name", "door"}), "guardian": NONE},
    "dispatcher": {
        "resident": frozenset({"name", "door"}),
        "member": frozenset(MEMBER),
        "guardian": frozenset({"name"}),
    },
    "desk": {"resident": frozenset(RESIDENT) - {"opinion"}, "member": NONE, "guardian": frozenset(GUARDIAN)},
    "town": {"resident": frozenset({"opinion"}), "member": NONE, "guardian": NONE},
    "other dispatcher": {"resident": NONE, "member": NONE, "guardian": NONE},
    "neighbour": {"resident": NONE, "member": NONE, "guardian": NONE},
    "stranger": {"resident": NONE, "member": NONE, "guardian": NONE},
}
"""Role -> of whom -> fields.

driver: of their operator's runs, what to call somebody, where to stop, and needs; a door only where it is the stop.
dispatcher: own members in full, residents who booked by name. desk: callers; no children of operators, but those of
whom the caller is the guardian. town: opinions without names, and no person. neighbour: any other resident.
"""
