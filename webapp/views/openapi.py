"""What the site takes over HTTP, as OpenAPI 3.1: read from its routes and from the code that answers them.

Nothing is said twice: fields are those that a view asks the request for, itself or through its helpers; statuses are
those that it returns, and those that stand for what may be raised below it and is not caught on the way.
"""

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from itertools import product
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from webapp.db.door import Door
from webapp.db.records import Records
from webapp.db.store import Busy, Store
from webapp.services.errors import TooMany
from webapp.views.shared import admission

OURS = ("webapp.", "matching.", "routing.")
SESSION = "session"
TOKEN = "csrf_token"  # noqa: S105 - the name of a field
ANY = "*"
"""Stands for names that are known only when a page is shown, such as those of a file's columns."""
RECEIVERS: Mapping[str, type] = MappingProxyType({"door": Door, "records": Records, "store": Store})
"""What the code calls the three ways to the records."""
PARTS = {"form": "body", "values": "body", "files": "file", "args": "query"}
LISTS = ("getlist",)
HTML, JSON, PLAIN = "text/html", "application/json", "text/plain"
TYPES = {"whole_number": {"type": "integer"}}
"""What a reader of `shared` makes of a field."""
MADE = {"jsonify": JSON, "send_from_directory": "*/*", "send_file": "*/*"}
"""Types of what these make; anything else is a page."""
KEPT = {200, 206, 304, 404, 416}
"""What flask's `send_from_directory` and `send_file` may answer."""
SIGN_IN: dict[str, Any] = {
    "fields": {("body", "email"): {}, ("body", "password"): {}, ("body", "next"): {}, ("query", "next"): {}},
    "statuses": {200, 302},
    "types": {HTML},
}
"""What flask-security says of its own pages, whose code is not read."""

Effects = frozenset[Any]
"""What may come out of a piece of code: classes of exceptions, and statuses that it aborts with."""
Names = frozenset[str]
Environment = tuple[tuple[str, Names], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A function's syntax, and the module that its names are looked up in."""

    module: ModuleType
    node: ast.FunctionDef

    def __hash__(self) -> int:
        return id(self.node)


@dataclass(slots=True)
class Found:
    """What is found in the code of one view."""

    fields: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    statuses: set[int] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    roles: set[str] = field(default_factory=set)
    leads: set[str] = field(default_factory=set)
    summary: str = ""


def describe(app: Flask) -> dict[str, Any]:
    """Describe every address of a site: parameters, fields, who may call it, and every status that it may answer."""
    answers = _answers_of_errors(app)
    paths: dict[str, dict[str, Any]] = {}
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        path = _path(app, rule)
        for method in sorted((rule.methods or set()) & {"GET", "POST", "PUT", "PATCH", "DELETE"}):
            paths.setdefault(path, {})[method.lower()] = _operation(app, rule, path, method, answers)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Noriai",
            "version": "0.1.0",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Pages and forms of a town's site. Whoever sends a form shows the token of their session.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                SESSION: {"type": "apiKey", "in": "cookie", "name": app.config["SESSION_COOKIE_NAME"]},
            }
        },
    }


def _path(app: Flask, rule: Rule) -> str:
    path = re.sub(r"<(?:[^:<>]+(?:\([^)]*\))?:)?([^<>]+)>", r"{\1}", rule.rule)
    return path.replace(app.static_url_path or "/static", "/static/{version}")


def _links(app: Flask, found: Found) -> Iterator[tuple[str, dict[str, Any]]]:
    """Say which pages an answer leads to, and how their parameters are read from its address."""
    for endpoint in sorted(found.leads):
        for rule in app.url_map.iter_rules(endpoint) if endpoint in app.view_functions else ():
            if rule.arguments and "GET" in (rule.methods or ()):
                path = _path(app, rule)
                parts = {one: _around(path, one) for one in sorted(rule.arguments)}
                said = {one: f"$response.header.Location#regex:{part}" for one, part in parts.items()}
                yield endpoint, {"operationId": name_operation("GET", endpoint), "parameters": said}


def _around(path: str, parameter: str) -> str:
    """Give a path as a pattern whose one group is a parameter."""
    pieces = re.split(r"({\w+})", path)
    return "".join(
        "([^/?]+)" if piece == f"{{{parameter}}}" else "[^/?]+" if piece.startswith("{") else re.escape(piece)
        for piece in pieces
    )


def name_operation(method: str, endpoint: str) -> str:
    """Name an operation as the description does."""
    return f"{method.lower()}_{endpoint}".replace(".", "_")


def _answers_of_errors(app: Flask) -> dict[type[BaseException], int]:
    """Give the status that the site answers for each kind of exception, asked of its own handlers."""
    known = app.error_handler_spec[None][None]
    answers = {kind: _asked(handler, kind) for kind, handler in known.items()}
    return {kind: status for kind, status in answers.items() if status}


def _asked(handler: Callable[..., Any], kind: type[BaseException]) -> int:
    defaults = inspect.signature(handler).parameters.get("status")
    if defaults:
        return int(defaults.default)
    return {Busy: HTTPStatus.SERVICE_UNAVAILABLE, TooMany: HTTPStatus.TOO_MANY_REQUESTS}.get(kind, 0)


def _operation(app: Flask, rule: Rule, path: str, method: str, answers: Mapping[type, int]) -> dict[str, Any]:
    found = _read_view(app, rule.endpoint, answers)
    protected = method == "POST" and not _is_exempt(app, rule.endpoint)
    statuses = set(found.statuses)
    if not _is_file(rule):
        statuses |= _of_hooks(app) | {answers[Busy]}
    if _has_text(rule):
        statuses |= {400, 404}
    if method == "POST":
        statuses |= {400, 413} if protected else {413}
    else:
        statuses -= {answers[TooMany]} if rule.endpoint == "security.login" else set()
    said: dict[str, Any] = {
        "operationId": name_operation(method, rule.endpoint),
        "tags": [rule.endpoint.split(".")[-2] if "." in rule.endpoint else "files"],
        "responses": {str(status): _response(status, found.types) for status in sorted(statuses)},
    }
    links = dict(_links(app, found))
    if links and "302" in said["responses"]:
        said["responses"]["302"]["links"] = links
    if found.summary:
        said["summary"] = found.summary
    parameters = [*_path_parameters(rule, path), *_query(found)]
    if parameters:
        said["parameters"] = parameters
    if method == "POST":
        said["requestBody"] = _body(found, protected=protected)
    if found.roles:
        said["security"] = [{SESSION: []}]
        said["x-roles"] = sorted(found.roles)
    return said


def _is_exempt(app: Flask, endpoint: str) -> bool:
    view = app.view_functions[endpoint]
    csrf = app.extensions["csrf"]
    blueprint = app.blueprints.get(endpoint.rpartition(".")[0])
    return f"{view.__module__}.{view.__name__}" in csrf._exempt_views or blueprint in csrf._exempt_blueprints


def _is_file(rule: Rule) -> bool:
    return rule.endpoint in ("static", "security.static")


def _has_text(rule: Rule) -> bool:
    return any(type(one).__name__ in ("UnicodeConverter", "PathConverter") for one in rule._converters.values())


def _path_parameters(rule: Rule, path: str) -> Iterator[dict[str, Any]]:
    if "{version}" in path:
        yield {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}
    for name, converter in rule._converters.items():
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if type(converter).__name__ == "IntegerConverter":
            schema = {"type": "integer", "minimum": 0}
        elif type(converter).__name__ == "AnyConverter":
            schema = {"type": "string", "enum": sorted(getattr(converter, "items"))}  # noqa: B009 - typed as its base
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _query(found: Found) -> Iterator[dict[str, Any]]:
    for (where, name), schema in sorted(found.fields.items()):
        if where == "query":
            yield {"name": name, "in": "query", "schema": {"type": "string", **schema}}


def _body(found: Found, *, protected: bool) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    more = False
    for (where, name), schema in sorted(found.fields.items()):
        if where == "query":
            continue
        if ANY in name:
            more = True
        else:
            is_file = where == "file"
            properties[name] = {"type": "string", "format": "binary"} if is_file else {"type": "string", **schema}
    shape: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": more}
    if protected:
        properties[TOKEN] = {"type": "string"}
        shape["required"] = [TOKEN]
    sent = {"multipart/form-data": {"schema": shape}} if _sends_file(found) else {}
    if not protected:
        return {"content": {JSON: {"schema": {"type": "object"}}}}
    return {"required": True, "content": sent or {"application/x-www-form-urlencoded": {"schema": shape}}}


def _sends_file(found: Found) -> bool:
    return any(where == "file" for where, _name in found.fields)


def _response(status: int, types: Iterable[str]) -> dict[str, Any]:
    said: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if status not in (204, 304):
        shown = {*types, HTML, PLAIN} if status == 400 else {*types, HTML}
        said["content"] = {one: {} for one in sorted(shown)}
    if 300 < status < 304:
        said["headers"] = {"Location": {"required": True, "schema": {"type": "string"}}}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        said["headers"] = {"Retry-After": {"required": True, "schema": {"type": "string"}}}
    return said


def _of_hooks(app: Flask) -> set[int]:
    """Give what may be answered before any page is asked, such as that a session has ended."""
    hooks = [hook for hooks in app.before_request_funcs.values() for hook in hooks]
    codes = filter(None, map(_code_of, hooks))
    return {status for code in codes for status in _returned(code)} - {400}


def _read_view(app: Flask, endpoint: str, answers: Mapping[type, int]) -> Found:
    view = inspect.unwrap(app.view_functions[endpoint])
    code = _code_of(view)
    if code is None:
        foreign: dict[str, Any] = {"fields": {}, "statuses": {302}, "types": {HTML}}
        if endpoint == "security.login":
            foreign = SIGN_IN
        if endpoint in ("static", "security.static"):
            foreign = {"fields": {}, "statuses": KEPT, "types": {"*/*"}}
        too_many = {answers[TooMany]} if endpoint == "security.login" else set()
        return Found(dict(foreign["fields"]), {*foreign["statuses"], *too_many}, set(foreign["types"]))
    found = Found(summary=(ast.get_docstring(code.node) or "").partition("\n")[0])
    guards = [*_guards(code)]
    for one in (code, *guards):
        found.statuses |= _returned(one) | {_status(effect, answers) for effect in _effects(one)}
        found.types |= _types(one)
    found.statuses.discard(0)
    for where, name, schema in _fields(code, ()):
        found.fields.setdefault((where, name), {}).update(schema)
    blueprint = endpoint.rpartition(".")[0]
    found.leads = {f"{blueprint}{to}" if to.startswith(".") else to for to in _leads(code)}
    admitted = admission(app.view_functions[endpoint])
    if admitted and admitted.roles:
        found.roles = {*admitted.roles}
        found.statuses |= {302, 404}
    return found


def _status(effect: Any, answers: Mapping[type, int]) -> int:
    if isinstance(effect, int):
        return effect
    return next((answers[kind] for kind in effect.__mro__ if kind in answers), 0)


# Code, and what its names mean


def _code_of(function: Any) -> Code | None:
    """Give the syntax of a function of ours; None of anything else."""
    function = inspect.unwrap(function) if callable(function) else function
    if not isinstance(function, FunctionType) or not function.__module__.startswith(OURS):
        return None
    module = sys.modules[function.__module__]
    node = _functions(str(module.__file__)).get(function.__code__.co_firstlineno)
    return Code(module, node) if node else None


@cache
def _functions(file: str) -> dict[int, ast.FunctionDef]:
    """Map the first line of each function of a file, its decorators included, to its syntax."""
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    defined = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {min(one.lineno, *(mark.lineno for mark in one.decorator_list), one.lineno): one for one in defined}


def _meant(code: Code, node: ast.AST) -> Any:
    """Give what a name stands for in its module: a function, class, module or constant; None for anything else."""
    if isinstance(node, ast.Name):
        return vars(code.module).get(node.id)
    if isinstance(node, ast.Attribute):
        receiver = node.value
        called = getattr(receiver, "attr", getattr(receiver, "id", ""))
        if called in RECEIVERS:
            return getattr(RECEIVERS[called], node.attr, None)
        base = _meant(code, receiver)
        return getattr(base, node.attr, None) if isinstance(base, ModuleType | type) else None
    return None


def _guards(code: Code) -> Iterator[Code]:
    """List the decorators of ours around a function, and those around them."""
    for mark in code.node.decorator_list:
        guard = _code_of(_meant(code, mark.func if isinstance(mark, ast.Call) else mark))
        if guard is None:
            continue
        yield guard
        for inner in ast.walk(guard.node):
            if isinstance(inner, ast.FunctionDef) and inner is not guard.node:
                yield Code(guard.module, inner)
                yield from _guards(Code(guard.module, inner))


def _leads(code: Code) -> Iterator[str]:
    """List the pages that a view redirects to."""
    calls = [node for node in ast.walk(code.node) if isinstance(node, ast.Call)]
    for call in calls:
        if getattr(call.func, "id", "") == "redirect" and call.args and isinstance(call.args[0], ast.Call):
            to = call.args[0].args[:1]
            yield from (one.value for one in to if isinstance(one, ast.Constant) and isinstance(one.value, str))


# What may be raised, and not caught on the way


def _effects(code: Code) -> Effects:
    return _Raised.of(code)


class _Raised:
    """Gathers what may be raised by functions that call each other, until nothing more is found."""

    known: dict[Code, Effects] = {}  # noqa: RUF012 - kept for the process, like a cache

    @classmethod
    def of(cls, code: Code) -> Effects:
        if code not in cls.known:
            todo = cls._reached(code)
            cls.known.update({one: frozenset() for one in todo if one not in cls.known})
            while True:
                now = {one: frozenset(cls._in(one, one.node.body)) for one in todo}
                if all(cls.known[one] == now[one] for one in todo):
                    break
                cls.known.update(now)
        return cls.known[code]

    @classmethod
    def _reached(cls, code: Code) -> list[Code]:
        reached, left = {code: None}, [code]
        while left:
            one = left.pop()
            for node in ast.walk(one.node):
                other = _code_of(_meant(one, node)) if isinstance(node, ast.Name | ast.Attribute) else None
                if other is not None and other not in reached and other not in cls.known:
                    reached[other] = None
                    left.append(other)
        return [*reached]

    @classmethod
    def _in(cls, code: Code, nodes: Iterable[ast.AST]) -> set[Any]:
        return {effect for node in nodes for effect in cls._of_node(code, node)}

    @classmethod
    def _of_node(cls, code: Code, node: ast.AST) -> set[Any]:
        if isinstance(node, ast.Try):
            return cls._of_try(code, node)
        if isinstance(node, ast.With):
            inside = cls._in(code, ast.iter_child_nodes(node))
            return cls._passed(inside, cls._suppressed(code, node))
        if isinstance(node, ast.Raise) and node.exc is not None:
            kind = _meant(code, node.exc.func if isinstance(node.exc, ast.Call) else node.exc)
            return {kind} if isinstance(kind, type) else cls._in(code, ast.iter_child_nodes(node))
        found = cls._in(code, ast.iter_child_nodes(node))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "abort":
            found |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
        if isinstance(node, ast.Name | ast.Attribute):
            other = _code_of(_meant(code, node))
            found |= cls.known.get(other, frozenset()) if other else set()
        return found

    @classmethod
    def _of_try(cls, code: Code, node: ast.Try) -> set[Any]:
        left, found = cls._in(code, node.body), cls._in(code, [*node.orelse, *node.finalbody])
        for handler in node.handlers:
            kinds = cls._kinds(code, handler.type)
            caught = left - cls._passed(left, kinds)
            left -= caught
            found |= cls._in(code, handler.body)
            if any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(handler)):
                found |= caught
        return left | found

    @staticmethod
    def _passed(effects: set[Any], kinds: tuple[type, ...]) -> set[Any]:
        return {one for one in effects if isinstance(one, int) or not issubclass(one, kinds)}

    @staticmethod
    def _kinds(code: Code, node: ast.expr | None) -> tuple[type, ...]:
        if node is None:
            return (BaseException,)
        said = node.elts if isinstance(node, ast.Tuple) else [node]
        kinds = (_meant(code, one) or vars(sys.modules["builtins"]).get(getattr(one, "id", "")) for one in said)
        return tuple(one for one in kinds if isinstance(one, type))

    @classmethod
    def _suppressed(cls, code: Code, node: ast.With) -> tuple[type, ...]:
        used = (one.context_expr for one in node.items)
        quiet = [one for one in used if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "suppress"]
        return tuple(kind for one in quiet for said in one.args for kind in cls._kinds(code, said))


# What a view returns


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a function without those that are defined in it."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield child
            yield from _own(child)


def _returned(code: Code, seen: frozenset[Code] = frozenset()) -> set[int]:
    """Give the statuses of what a function returns; none for None, which lets others answer."""
    if code in seen:
        return set()
    values = [node.value for node in _own(code.node) if isinstance(node, ast.Return) and node.value]
    return {status for value in values for status in _answered(code, value, seen | {code})}


def _answered(code: Code, value: ast.expr, seen: frozenset[Code]) -> set[int]:
    if isinstance(value, ast.IfExp):
        return _answered(code, value.body, seen) | _answered(code, value.orelse, seen)
    if isinstance(value, ast.BoolOp):
        return {status for one in value.values for status in _answered(code, one, seen)}
    if isinstance(value, ast.Constant) and value.value is None:
        return set()
    if isinstance(value, ast.Tuple):
        said = [status for one in value.elts[1:2] for status in _numbers(code, one)]
        return set(said) or _answered(code, value.elts[0], seen)
    if isinstance(value, ast.Name):
        if any(isinstance(node, ast.FunctionDef) and node.name == value.id for node in ast.walk(code.node)):
            return set()
        set_here = [
            node.value
            for node in _own(code.node)
            if isinstance(node, ast.Assign) and any(getattr(to, "id", "") == value.id for to in node.targets)
        ]
        return {status for one in set_here for status in _answered(code, one, seen)} or {200}
    if isinstance(value, ast.Call):
        return _answered_by_call(code, value, seen)
    return {200}


def _answered_by_call(code: Code, call: ast.Call, seen: frozenset[Code]) -> set[int]:
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    said = [one.value for one in call.keywords if one.arg in ("status", "code")]
    if name == "redirect":
        return {number for one in said for number in _numbers(code, one)} or {302}
    if name == "Response":
        at_second = [*said, *call.args[1:2]]
        return {number for one in at_second for number in _numbers(code, one)} or {200}
    if name in ("send_from_directory", "send_file"):
        return KEPT - ({404} if name == "send_file" else set())
    other = _code_of(_meant(code, call.func))
    if other and other.module.__name__.startswith("webapp.views"):
        return _returned(other, seen) or {200}
    is_handed_in = isinstance(call.func, ast.Name) and _meant(code, call.func) is None
    return set() if is_handed_in and name == "view" else {200}


def _numbers(code: Code, node: ast.expr) -> Iterator[int]:
    """List the statuses in an expression, and those that a constant of its module may give."""
    if isinstance(node, ast.Dict):
        return
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, int) and 200 <= one.value < 600:
            yield one.value
        known = _meant(code, one) if isinstance(one, ast.Name) else None
        if isinstance(known, Mapping):
            yield from (value for value in known.values() if isinstance(value, int) and 200 <= value < 600)


def _types(code: Code) -> set[str]:
    """Give the types of what a view makes; its helpers among the views are read too."""
    found, left, seen = set[str](), [code], set[Code]()
    while left:
        one = left.pop()
        seen.add(one)
        for node in ast.walk(one.node):
            if isinstance(node, ast.Assign) and any(getattr(to, "attr", "") == "mimetype" for to in node.targets):
                found.update(_texts(node.value))
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in MADE:
                found.add(MADE[name])
            if name == "Response":
                said = [one.value for one in node.keywords if one.arg == "mimetype"]
                found |= {text for value in said for text in _texts(value)} or {"*/*"}
            other = _code_of(_meant(one, node.func))
            if other and other not in seen and other.module.__name__.startswith("webapp.views"):
                left.append(other)
    return found or {HTML}


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


# Which fields a view asks the request for


@cache
def _fields(code: Code, given: Environment) -> frozenset[Any]:
    """List (where, name, schema) of the fields that a function reads, when its parameters stand for these names."""
    reading = _Reading(code, dict(given))
    reading.read()
    return frozenset((where, name, _Frozen(schema)) for (where, name), schema in reading.found.items())


class _Frozen(dict[str, Any]):
    def __hash__(self) -> int:  # type: ignore[override]
        return hash(repr(self))


class _Reading:
    """Follows the names of fields through one function."""

    def __init__(self, code: Code, names: dict[str, Names]) -> None:
        self.code, self.names = code, names
        self.aliases: dict[str, str] = {}
        self.found: dict[tuple[str, str], dict[str, Any]] = {}

    def read(self) -> None:
        nodes = [*ast.walk(self.code.node)]
        for node in nodes:
            if isinstance(node, ast.Assign) and (part := self._part(node.value)):
                self.aliases.update({to.id: part for to in node.targets if isinstance(to, ast.Name)})
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.JoinedStr):
                self.names.update({to.id: self._text(node.value) for to in node.targets if isinstance(to, ast.Name)})
            if isinstance(node, ast.comprehension | ast.For) and isinstance(node.target, ast.Name):
                self.names[node.target.id] = self._all(node.iter)
        for node in nodes:
            if isinstance(node, ast.Call):
                self._read_call(node)
            elif isinstance(node, ast.Subscript) and (part := self._part(node.value)):
                self._add(part, self._text(node.slice), {})
            elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
                if part := self._part(node.comparators[0]):
                    self._add(part, self._text(node.left), {})
            elif isinstance(node, ast.Name | ast.Attribute) and not isinstance(getattr(node, "ctx", None), ast.Store):
                self._follow(_meant(self.code, node), [], {})

    def _read_call(self, call: ast.Call) -> None:
        function = call.func
        if isinstance(function, ast.Attribute) and (part := self._part(function.value)) and call.args:
            many = {"type": "array", "items": {"type": "string"}} if function.attr in LISTS else {}
            self._add(part, self._text(call.args[0]), many)
            return
        meant = _meant(self.code, function)
        reader = TYPES.get(getattr(meant, "__name__", ""), {})
        self._follow(meant, call.args, reader, {one.arg: one.value for one in call.keywords if one.arg})

    def _follow(
        self, meant: Any, said: list[ast.expr], schema: dict[str, Any], named: Mapping[str, ast.expr] | None = None
    ) -> None:
        code = _code_of(meant)
        if code is None or not code.module.__name__.startswith("webapp.views"):
            return
        arguments = [one.arg for one in (*code.node.args.posonlyargs, *code.node.args.args)]
        given = {name: self._text(one) for name, one in zip(arguments, said, strict=False)}
        given |= {name: self._text(one) for name, one in (named or {}).items()}
        known = tuple(sorted((name, names) for name, names in given.items() if names))
        for where, name, inner in _guarded(code, known):
            self._add(where, frozenset({name}), {**inner, **schema}, part_is_known=True)

    def _add(self, part: str, names: Names, schema: dict[str, Any], *, part_is_known: bool = False) -> None:
        where = part if part_is_known else PARTS[part]
        for name in names or {ANY}:
            if not (names or part_is_known):
                continue
            self.found.setdefault((where, name), {}).update(schema)

    def _part(self, node: ast.AST) -> str:
        """Which part of the request is this, "" for anything else."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id, "")
        is_ours = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "request"
        return node.attr if is_ours and isinstance(node, ast.Attribute) and node.attr in PARTS else ""

    def _text(self, node: ast.AST) -> Names:
        """Give the texts that an expression may stand for; nothing where that is not known."""
        if isinstance(node, ast.Constant):
            return frozenset({node.value}) if isinstance(node.value, str) else frozenset()
        if isinstance(node, ast.JoinedStr):
            parts = [self._text(one.value if isinstance(one, ast.FormattedValue) else one) for one in node.values]
            return frozenset("".join(one) for one in product(*(part or {ANY} for part in parts)))
        if isinstance(node, ast.Name) and node.id in self.names:
            return self.names[node.id]
        known = _meant(self.code, node)
        return frozenset({known}) if isinstance(known, str) else frozenset()

    def _all(self, node: ast.AST) -> Names:
        """Give the texts that a loop goes through."""
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            return frozenset(text for one in node.elts for text in self._text(one))
        known = _meant(self.code, node)
        if isinstance(known, Iterable) and not isinstance(known, str):
            return frozenset(one for one in known if isinstance(one, str))
        return frozenset()


_UNDER_WAY: set[tuple[Code, Environment]] = set()


def _guarded(code: Code, given: Environment) -> frozenset[Any]:
    """Read a helper's fields, unless that is being done already further up."""
    if (code, given) in _UNDER_WAY:
        return frozenset()
    _UNDER_WAY.add((code, given))
    try:
        return _fields(code, given)
    finally:
        _UNDER_WAY.discard((code, given))
