"""What is written of events: one line each, as text or JSON, and nothing of anybody.

What our own code says is kept as it is written. Of what libraries say the sentence is kept and the words in it are
not, since they may be an address or a name; a sentence that was put together before it came here is left out. Of an
exception the classes and the places in the code are kept, never what it says or held.
"""

import json
import logging
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""Id of the request that is being answered; nothing beside requests."""
OURS = frozenset({"benchmarks", "matching", "noriai", "routing", "webapp"})
SERVERS = ("gunicorn.error", "waitress")
FACTS = "facts"
"""Attribute of a record that carries facts in fields of their own; they are kept as they are."""
PLAIN_TEXT = {"py.warnings": "a library warned"}
HIDDEN = "…"
MOST_FRAMES = 30
CODES = ("sqlstate", "sqlite_errorname", "errno")
"""What may be kept of an exception beside its class: codes that its library chose."""
ROOT = Path(__file__).resolve().parent.parent


def write_to(stream: TextIO | None = None, *, form: str = "text") -> None:
    """Write events of this process to a stream, the error output by default; earlier ways to write end.

    Of our own code and the web server all that informs is written, of other libraries what warns.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Lines(form))
    logging.captureWarnings(capture=True)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    for name in (*OURS, *SERVERS):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.INFO)


class Lines(logging.Formatter):
    """One line for an event, whatever stands in it."""

    def __init__(self, form: str = "text") -> None:
        super().__init__()
        self._as_json = form == "json"

    def format(self, record: logging.LogRecord) -> str:
        """Write an event as one line."""
        said = dict(_facts(record))
        return json.dumps(said, ensure_ascii=False, default=str) if self._as_json else _line(said)


def _facts(record: logging.LogRecord) -> Iterator[tuple[str, Any]]:
    yield "time", f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    yield "level", record.levelname.lower()
    yield "logger", record.name
    ours = record.name.split(".")[0] in OURS
    yield "message", record.getMessage() if ours else _sentence(record)
    if not ours:
        yield "at", f"{record.module}:{record.lineno}"
    if request := REQUEST.get():
        yield "request", request
    yield from getattr(record, FACTS, {}).items()
    if record.exc_info and record.exc_info[1]:
        yield "exception", list(chain(record.exc_info[1]))


def _line(said: dict[str, Any]) -> str:
    """Write facts as text for people; the message goes in front, and no sign ends the line early."""
    head = f"{said.pop('time')} {said.pop('level')} {said.pop('logger')}: {said.pop('message')}"
    raised = said.pop("exception", [])
    said.pop("raised", None)  # the message tells it
    rest = [f"{name}={value}" for name, value in said.items()]
    rest += [f"{one['class']} at {' < '.join(reversed(one['at']))}" for one in raised]
    return " ".join(part if part.isprintable() else repr(part)[1:-1] for part in (head, *rest))


def _sentence(record: logging.LogRecord) -> str:
    """Give what a library says without what it says it of: numbers stay, words do not."""
    if not isinstance(record.msg, str) or not record.args:
        return PLAIN_TEXT.get(record.name, HIDDEN)
    words = record.args
    shown: Any
    if isinstance(words, dict):
        shown = {name: _number(value) for name, value in words.items()}
    else:
        shown = tuple(map(_number, words))
    try:
        return str(record.msg % shown)
    except (TypeError, ValueError):
        return record.msg


def _number(value: object) -> object:
    return value if isinstance(value, int | float) else HIDDEN


def chain(raised: BaseException) -> Iterator[dict[str, Any]]:
    """Tell an exception and what led to it, the last first: classes, codes, and places in the code."""
    seen: set[int] = set()
    one: BaseException | None = raised
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        codes = {name: code for name in CODES if (code := _code(one, name)) is not None}
        yield {"class": f"{type(one).__module__}.{type(one).__qualname__}", **codes, "at": _places(one.__traceback__)}
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _code(raised: BaseException, name: str) -> str | int | None:
    found = getattr(raised, name, None)
    return found if isinstance(found, str | int) else None


def _places(trace: TracebackType | None) -> list[str]:
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{_short(code.co_filename)}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return found[-MOST_FRAMES:]


def _short(file: str) -> str:
    path = Path(file)
    parts = path.parts
    if "site-packages" in parts:
        return "/".join(parts[parts.index("site-packages") + 1 :])
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
