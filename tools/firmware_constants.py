"""Put the firmware's constants into the places where they are used: a name that a board carries costs some 30 bytes of
its memory, in each module that imports it.

A constant is a name in capitals that a module binds once, at its top, to a number, a text or bytes that can be worked
out from literals and other constants; a tuple of such only where a single place uses it. Every use of it, also by
`from module import NAME` and `module.NAME`, becomes its value; then nothing needs the name any more and it goes.

Rules of this file: text in, text out, and no line moves. What would make a value depend on when it is looked at (a
second binding, an assignment from outside, a name that a text spells) is an error that names file and line, never a
guess. Other names are not touched.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import add, and_, floordiv, invert, lshift, mod, mul, neg, or_, rshift, sub, xor

CAPITALS = re.compile(r"_?[A-Z][A-Z0-9_]*")
LIBRARY = "lib/"  # On sys.path of a board, as the top is.
TEXT_BYTES_MAX = 64  # A longer text that several places use stays where it is.
OPERATORS: dict[type, Callable] = {
    ast.Add: add,
    ast.Sub: sub,
    ast.Mult: mul,
    ast.FloorDiv: floordiv,
    ast.Mod: mod,
    ast.LShift: lshift,
    ast.RShift: rshift,
    ast.BitAnd: and_,
    ast.BitOr: or_,
    ast.BitXor: xor,
    ast.Pow: pow,
}
EXPORTED = "__all__"  # For whoever checks a source; it names constants that are gone.
BY_TEXT = ("getattr", "setattr", "hasattr", "delattr")
SIGNS: dict[type, Callable] = {ast.USub: neg, ast.Invert: invert}
Value = int | str | bytes | tuple


class ConstantError(ValueError):
    """Sources whose constants cannot be put in place: one line for each reason."""


class _NotOne(Exception):
    """An expression that is no constant."""


@dataclass
class _Source:
    """One file. `own`: its definitions are constants too; a script that only uses the firmware's has none."""

    name: str
    text: str
    own: bool
    tree: ast.Module = field(init=False)
    nodes: list[ast.AST] = field(init=False)
    modules: dict[str, str] = field(default_factory=dict)  # What a name here stands for: a file,
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)  # or a name of one.
    defined: dict[str, tuple[ast.Assign, int | None]] = field(default_factory=dict)  # With its place in a tuple.

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.text)
        self.nodes = list(ast.walk(self.tree))


class Constants:
    """The constants of `sources` (path of the file -> text). ConstantError where there cannot be any.

    `kept`: paths of sources that are not compiled and keep their names; what they use stays defined.
    """

    def __init__(self, sources: Mapping[str, str], kept: tuple[str, ...] = ()) -> None:
        self._files = {module_of(name): name for name in sources}
        self._sources = {name: self._read(name, text, name not in kept) for name, text in sources.items()}
        self._errors: list[str] = []
        self._values: dict[tuple[str, str], Value] = {}
        for source in self._sources.values():
            self._work_out(source)
        for source in self._sources.values():
            self._check(source)
        self._raise()
        self._stay = self._named_outside(kept)
        self._leave_what_costs_more()

    def values(self) -> list[tuple[tuple[str, str], Value]]:
        """((file, name), value) of every constant."""
        return list(self._values.items())

    def folded(self) -> dict[str, str]:
        """The text of every source that is not kept, its constants in place."""
        return {name: self._fold(source) for name, source in self._sources.items() if source.own}

    def folded_script(self, text: str, *, own: bool = False) -> str:
        """`text`, which is no part of the firmware, with the firmware's constants in place; `own`: and with its own.
        ConstantError.
        """
        script = self._read("script", text, own)
        self._sources[script.name] = script
        try:
            self._work_out(script)
            self._check(script)
            self._raise()
            return self._fold(script)
        finally:
            del self._sources[script.name]
            self._values = {where: value for where, value in self._values.items() if where[0] != script.name}

    def _work_out(self, source: _Source) -> None:
        """Take up the values of what `source` defines."""
        for name in source.defined:
            try:
                self._values[source.name, name] = self._value_of(source.name, name, ())
            except _NotOne:
                continue

    # What there is

    def _read(self, name: str, text: str, own: bool) -> _Source:
        source = _Source(name, text, own)
        for node in source.nodes:
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                for alias in node.names:
                    as_name, module = alias.asname or alias.name, f"{node.module}.{alias.name}"
                    if module in self._files:
                        source.modules[as_name] = self._files[module]
                    elif node.module in self._files:
                        source.imported[as_name] = self._files[node.module], alias.name
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self._files and ("." not in alias.name or alias.asname):
                        source.modules[alias.asname or alias.name] = self._files[alias.name]
        for node in source.tree.body if own else ():
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                for name_node, place in _targets(node.targets[0]):
                    source.defined[name_node.id] = node, place
        return source

    def _value_of(self, file: str, name: str, under_way: tuple) -> Value:
        """The value of `name` in `file`. _NotOne if it is no constant."""
        source = self._sources[file]
        if name in source.imported:
            return self._value_of(*source.imported[name], under_way)
        if name not in source.defined or (file, name) in under_way:
            raise _NotOne
        node, place = source.defined[name]
        value, under_way = node.value, (*under_way, (file, name))
        if place is None:
            return self._worked_out(source, value, under_way)
        if isinstance(value, ast.Tuple) and len(value.elts) > place:
            return self._worked_out(source, value.elts[place], under_way)
        if isinstance(value, ast.Call) and ast.unparse(value.func) == "range" and len(value.args) == 1:
            return place  # A, B, C = range(3)
        raise _NotOne

    def _worked_out(self, source: _Source, node: ast.expr, under_way: tuple) -> Value:
        def part(inner: ast.expr) -> Value:
            return self._worked_out(source, inner, under_way)

        if isinstance(node, ast.Constant) and isinstance(node.value, (int, str, bytes)):
            return node.value
        if isinstance(node, ast.Name):
            return self._value_of(source.name, node.id, under_way)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in source.modules:
            return self._value_of(source.modules[node.value.id], node.attr, under_way)
        if isinstance(node, ast.Tuple):
            return tuple(part(item) for item in node.elts)
        try:
            if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
                return SIGNS[type(node.op)](part(node.operand))
            if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
                return OPERATORS[type(node.op)](part(node.left), part(node.right))
            if isinstance(node, ast.Subscript):
                found, place = part(node.value), part(node.slice)
                if isinstance(found, tuple) and isinstance(place, int):
                    return found[place]
        except (TypeError, ValueError, IndexError, ZeroDivisionError):
            raise _NotOne from None
        raise _NotOne

    # What must not be

    def _check(self, source: _Source) -> None:
        """Note each place of `source` that would see another value than the constant's."""
        known = {name for name in (*source.defined, *source.imported) if self._constant(source, name) is not None}
        seen = set()
        texts = {name for _, name in self._values}
        for node, name in _bindings(source.nodes):
            if name in known and (name in seen or isinstance(node, ast.Global)):
                self._error(source, node, f"{name} is a constant, and is bound again")
            seen.add(name)
        for node in source.nodes:
            if isinstance(node, ast.alias) and node.name == "*":
                self._error(source, node, "import * hides which constants are meant")
            elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
                if self._of_module(source, node) is not None:
                    self._error(source, node, f"{node.attr} is a constant, and is set from outside")
            elif isinstance(node, ast.JoinedStr):
                if any(isinstance(inner, ast.Name) and inner.id in known for inner in ast.walk(node)):
                    self._error(source, node, "a constant in an f-string")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in BY_TEXT:
                words = [word.value for word in node.args if isinstance(word, ast.Constant)]
                if not texts.isdisjoint(words):
                    self._error(source, node, "a constant by the text of its name")

    def _error(self, source: _Source, node: ast.AST, why: str) -> None:
        self._errors.append(f"{source.name}:{getattr(node, 'lineno', 1)}: {why}")

    def _raise(self) -> None:
        errors, self._errors = self._errors, []
        if errors:
            raise ConstantError("\n".join(sorted(set(errors))))

    # What goes and what stays

    def _constant(self, source: _Source, name: str) -> "tuple[str, str] | None":
        """(file, name) of the constant that `name` is in `source`; None if it is none."""
        where = (source.name, name) if name in source.defined else source.imported.get(name)
        while where is not None and where not in self._values:
            file, at_origin = where
            where = self._sources[file].imported.get(at_origin)
        return where

    def _of_module(self, source: _Source, node: ast.Attribute) -> "tuple[str, str] | None":
        """(file, name) of the constant that `module.NAME` is; None if it is none."""
        if not isinstance(node.value, ast.Name) or node.value.id not in source.modules:
            return None
        return self._constant(self._sources[source.modules[node.value.id]], node.attr)

    def _uses(self, source: _Source) -> Iterator[tuple[ast.expr, tuple[str, str]]]:
        """Every place of `source` that stands for a constant, outside of definitions that go."""
        gone = {id(node) for definition in self._going(source) for node in ast.walk(definition)}
        for node in source.nodes:
            where = None
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                where = self._constant(source, node.id)
            elif isinstance(node, ast.Attribute):
                where = self._of_module(source, node)
            if where is not None and isinstance(node, ast.expr) and id(node) not in gone:
                yield node, where

    def _going(self, source: _Source) -> list[ast.Assign]:
        """The definitions in `source` that nothing needs once the values are in place."""
        nodes = {id(node): node for node, _ in source.defined.values()}
        needed = {id(node) for name, (node, _) in source.defined.items() if not self._goes(source.name, name)}
        return [node for key, node in nodes.items() if key not in needed] + [
            node
            for node in source.tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == EXPORTED
        ]

    def _goes(self, file: str, name: str) -> bool:
        return (file, name) in self._values and (file, name) not in self._stay

    def _named_outside(self, kept: tuple[str, ...]) -> set[tuple[str, str]]:
        """Constants that the sources in `kept` look up when they run, whatever module they find there."""
        words = set()
        for name in set(kept) & set(self._sources):
            for node in self._sources[name].nodes:
                words |= {node.attr} if isinstance(node, ast.Attribute) else set()
                words |= {node.name} if isinstance(node, ast.alias) else set()
        return {where for where in self._values if where[1] in words}

    def _leave_what_costs_more(self) -> None:
        """A tuple, or a long text, is an object: where several places use it they share the one that has a name."""
        counts: dict[tuple[str, str], int] = {}
        for source in self._sources.values():
            for _, where in self._uses(source) if source.own else ():
                counts[where] = counts.get(where, 0) + 1
        for where, value in list(self._values.items()):
            large = isinstance(value, tuple) or isinstance(value, (str, bytes)) and len(value) > TEXT_BYTES_MAX
            if large and (counts.get(where, 0) > 1 or where in self._stay):
                del self._values[where]

    # The text

    def _fold(self, source: _Source) -> str:
        uses = list(self._uses(source))
        edits: list[tuple[ast.stmt | ast.expr, str]] = [(node, _literal(self._values[where])) for node, where in uses]
        edits += [(node, "") for node in self._going(source)] if source.own else []
        idle = self._idle_modules(source, [node for node, _ in uses])
        for node in source.nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                left = [alias for alias in node.names if not self._is_needless(source, alias, idle)]
                if len(left) < len(node.names):
                    names = ", ".join(ast.unparse(alias) for alias in left)
                    whence = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
                    edits.append((node, f"{whence}import {names}" if names else "pass"))
        return _edited(source.text, edits)

    def _idle_modules(self, source: _Source, uses: list[ast.expr]) -> set[str]:
        """Names of modules that `source` only imported for constants."""
        gone = {id(inner) for node in [*uses, *self._going(source)] for inner in ast.walk(node)}
        names = [(node.id, id(node) in gone) for node in source.nodes if isinstance(node, ast.Name)]
        return {name for name, goes in names if goes and name in source.modules} - {
            name for name, goes in names if not goes
        }

    def _is_needless(self, source: _Source, alias: ast.alias, idle: set[str]) -> bool:
        name = alias.asname or alias.name
        return name in idle or name in source.imported and self._constant(source, name) is not None


def module_of(name: str) -> str:
    """The name by which a board imports the file `name`."""
    return name.removeprefix(LIBRARY).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _targets(target: ast.expr) -> list[tuple[ast.Name, int | None]]:
    """The names in capitals that an assignment to `target` binds, with their places; none unless all are such."""
    found: list[tuple[ast.expr, int | None]] = [(target, None)]
    if isinstance(target, ast.Tuple):
        found = [(inner, place) for place, inner in enumerate(target.elts)]
    names = [(node, place) for node, place in found if isinstance(node, ast.Name) and CAPITALS.fullmatch(node.id)]
    return names if len(names) == len(found) else []


def _bindings(nodes: list[ast.AST]) -> Iterator[tuple[ast.AST, str]]:
    """Every place that binds a name, in whatever scope: a constant's name means the constant everywhere."""
    for node in nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node, node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node, node.name
        elif isinstance(node, ast.arg):
            yield node, node.arg
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node, node.name
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            yield from ((node, name) for name in node.names)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from ((node, alias.asname or alias.name) for alias in node.names)


def _literal(value: Value) -> str:
    if isinstance(value, tuple):
        return "(" + "".join(_literal(item) + ", " for item in value) + ")"
    return f"({value!r})" if isinstance(value, int) and value < 0 else repr(value)


def _edited(text: str, edits: list[tuple[ast.stmt | ast.expr, str]]) -> str:
    """`text` with each node's place taken by another text; as many lines as before."""
    raw = text.encode()
    starts = [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node, new in sorted(edits, key=lambda edit: (edit[0].lineno, edit[0].col_offset), reverse=True):
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        raw = raw[:begin] + new.encode() + b"\n" * raw[begin:end].count(b"\n") + raw[end:]
    return raw.decode()
