"""Read a stranger's file without running its risks: in another process, which may take only so much memory and time."""

from webapp.apart import Ended, Helper, Limits
from webapp.files.archive import fault_of
from webapp.files.messages import Messages
from webapp.files.reader import ALONE, SCHEDULE, Beside, question
from webapp.files.scheduled import ScheduleFile
from webapp.files.sheets import MOST_BYTES, Unopened

LIMITS = Limits()
AT_ONCE = 2
"""Files that one process of the service lets be read at a time: their memory adds up."""
_PATIENCE = 60
"""Seconds that a file waits for its turn."""
_PROCESS = Helper("webapp.files.reader", at_once=AT_ONCE)


def read_confined(
    content: bytes, filename: str, *, language: str = "en", beside: Beside = ALONE, limits: Limits | None = None
) -> ScheduleFile:
    """Read a schedule file in a limited process; whatever happens there becomes a message, never an exception.

    The size of the file and the directory of a zip are judged before anything is handed over. Without `limits` those of
    `LIMITS` hold.
    """
    limits = limits or LIMITS
    fault = Unopened("E-FILE-BIG") if len(content) > MOST_BYTES else fault_of(content)
    if fault:
        return _refused(fault, filename, language, limits)
    try:
        answer = _PROCESS.ask(question(filename, language, beside), content, limits, patience=_PATIENCE)
    except Ended as ended:
        return _refused(Unopened("E-FILE-LIMIT", ended.why), filename, language, limits)
    return SCHEDULE.validate_json(answer)


def _refused(fault: Unopened, filename: str, language: str, limits: Limits) -> ScheduleFile:
    messages = Messages(language)
    messages.add(fault.code, variant=fault.variant, value=filename, megabytes=(limits.memory or 0) >> 20)
    return ScheduleFile(messages=messages.listed(runs=0))
