"""Small deliberate mistakes in a function: one changed node of its syntax tree each.

Rules of this file: text in, text out; the same source gives the same mutants in the same order.
"""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

FLIPPED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
SWAPPED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
}
DELETED = (ast.Assign, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Expr)
TEXT_MAX = 60


@dataclass(frozen=True)
class Mutant:
    """One mistake: where it is and what it changes; `source` is the whole module with it."""

    line: int
    function: str
    code: str  # The line as it is, without its comment.
    change: str
    _tree: ast.Module
    _place: int  # of the changed node in ast.walk's order
    _new: ast.AST

    @property
    def source(self) -> str:
        tree = copy.deepcopy(self._tree)
        old = list(ast.walk(tree))[self._place]
        return ast.unparse(ast.fix_missing_locations(_Replace(old, copy.deepcopy(self._new)).visit(tree)))


class NoSuchFunction(Exception):
    """A region names a function that its file has not: it was renamed, and its lines would go unwatched."""


def mutants(source: str, functions: tuple[str, ...]) -> Iterator[Mutant]:
    """Every mutant of `functions` ("name" or "Class.name") in `source`. NoSuchFunction if one is not there."""
    tree = ast.parse(source)
    known = dict(_functions(tree))
    lines = [line.partition("  #")[0].strip() for line in source.splitlines()]
    place = {id(node): i for i, node in enumerate(ast.walk(tree))}
    for name in functions:
        if name not in known:
            raise NoSuchFunction(name)
        for node in _inner(known[name]):
            for new in _changes(node):
                change = f"{_short(node)} -> {_short(new)}"
                yield Mutant(node.lineno, name, lines[node.lineno - 1], change, tree, place[id(node)], new)


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner


def _inner(function: ast.FunctionDef) -> list[ast.expr | ast.stmt]:
    """All nodes of the body that stand on a line, without docstring and annotations; in the order of the lines."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    found: list[ast.expr | ast.stmt] = []
    for statement in body:
        skipped = {id(part) for node in ast.walk(statement) for part in _beside(node)}
        nodes = [node for node in ast.walk(statement) if isinstance(node, (ast.expr, ast.stmt))]
        found += [node for node in nodes if id(node) not in skipped]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _beside(node: ast.AST) -> list[ast.AST]:
    """Nodes that say nothing at run time."""
    if isinstance(node, ast.AnnAssign):
        return list(ast.walk(node.annotation))
    if isinstance(node, ast.Assert):
        return list(ast.walk(node))  # An assertion of ours only tells the type checker what holds.
    if isinstance(node, ast.Subscript) and _index(node) is not None:
        return [node.slice]  # Changed with its subscript.
    if isinstance(node, ast.Raise) and node.exc is not None:
        return list(ast.walk(node.exc))  # The words of an error.
    return []


def _index(node: ast.AST) -> int | None:
    """The place that a subscript names by a number."""
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and type(node.slice.value) is int:
        return node.slice.value
    return None


def _changes(node: ast.AST) -> list[ast.AST]:
    place = _index(node)
    if place is not None:
        # Not from the first to the last, which is often the same one.
        return [_with(node, slice=ast.Constant(other)) for other in (place + 1, place - 1) if other >= 0]
    if isinstance(node, ast.Compare):
        return _compared(node)
    if isinstance(node, ast.Constant):
        return _constant(node)
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in SWAPPED:
        return [_with(node, op=SWAPPED[type(node.op)]()), *([ast.Pass()] if isinstance(node, ast.AugAssign) else [])]
    if isinstance(node, ast.BoolOp):
        return [_with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        return [node.operand]
    if isinstance(node, (ast.If, ast.While, ast.IfExp)) and not isinstance(node.test, (ast.Compare, ast.UnaryOp)):
        return [_with(node, test=ast.UnaryOp(ast.Not(), node.test))]
    if isinstance(node, ast.Return) and not (node.value is None or _is_nothing(node.value)):
        return [_with(node, value=ast.Constant(None))]
    if isinstance(node, DELETED):
        return [ast.Pass()]
    return []


def _compared(node: ast.Compare) -> list[ast.AST]:
    found: list[ast.AST] = []
    for i, op in enumerate(node.ops):
        for other in FLIPPED[type(op)]:
            found.append(_with(node, ops=[*node.ops[:i], other(), *node.ops[i + 1 :]]))
    return found


def _constant(node: ast.Constant) -> list[ast.AST]:
    if isinstance(node.value, bool):
        return [ast.Constant(not node.value)]
    if isinstance(node.value, int):
        return [ast.Constant(node.value + 1), ast.Constant(node.value - 1)]
    return []


def _is_nothing(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value in (None, False)


def _with(node: ast.AST, **changes: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def _short(node: ast.AST) -> str:
    lines = ast.unparse(node).splitlines()
    text = lines[0] if len(lines) == 1 else lines[0] + " ..."
    return text if len(text) <= TEXT_MAX else text[: TEXT_MAX - 4] + " ..."
