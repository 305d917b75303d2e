"""What is given back behind the start: it is there, and nothing that a board still runs calls it."""

import ast

import pytest
import spent

from tools.firmware_build import FIRMWARE

GROUPS = (spent.SAMPLER, spent.BOARD, spent.NOT_SAFE, spent.ON_THE_LINE, spent.ON_WIFI)
ENTRIES = [(module, kind, name) for group in GROUPS for module, kind, names in group for name in names.split()]
START_ONLY = {"fitting.py", "board_json.py", "main.py", "start.py", "stats.py", "spent.py", "hal/posix_control.py"}
SHARED = {"shorten"}  # In the module that has it and in the one that imported it.
SOURCES = {
    file.relative_to(FIRMWARE).as_posix(): ast.parse(file.read_text("utf-8")) for file in sorted(FIRMWARE.rglob("*.py"))
}


def file_of(module):
    place = module.replace(".", "/")
    names = [f"{top}{place}{end}" for top in ("", "lib/") for end in (".py", "/__init__.py")]
    return next((name for name in names if name in SOURCES), "")


def functions(tree, inside=""):
    """((class or "", name), node) of every function of a module and its classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield (inside, node.name), node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, node.name)


def living():
    """(file, node) of all that a board still runs behind the start: the bodies of functions that are not given back."""
    gone = {(file_of(module), kind, name) for module, kind, name in ENTRIES if name not in SHARED}
    for file, tree in SOURCES.items():
        if file not in START_ONLY:
            for (kind, name), function in functions(tree):
                if (file, kind, name) not in gone:
                    yield from ((file, node) for node in ast.walk(function))


def origin(file, name):
    """The file whose class or function `name` means in `file`."""
    for node in ast.walk(SOURCES[file]):
        if isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            return file_of(node.module)
    return file


@pytest.mark.parametrize(("module", "kind", "name"), ENTRIES, ids=[".".join(filter(None, one)) for one in ENTRIES])
def test_what_is_given_back_is_there(module, kind, name):
    tree = SOURCES[file_of(module)]
    found = {where for where, _ in functions(tree)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    bound |= {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    bound |= {alias.name for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert (kind, name) in found or not kind and name in bound


def test_nothing_is_made_again_whose_making_is_given_back():
    kinds = {(file_of(module), kind) for module, kind, name in ENTRIES if name == "__init__"}
    made = [
        (file, node.func.id)
        for file, node in living()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if (origin(file, node.func.id), node.func.id) in kinds
    ]
    assert made == []


def only_spent(group):
    """The names of functions in `group` that nothing else has: no other function, attribute, variable or argument."""
    every = [name for tree in SOURCES.values() for (_, name), _ in functions(tree)]
    nodes = [node for tree in SOURCES.values() for node in ast.walk(tree)]
    other = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)}
    other |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    other |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    spent_here = [name for _, _, names in group for name in names.split()]
    return {name for name in spent_here if every.count(name) == spent_here.count(name)} - other


@pytest.mark.parametrize(
    ("group", "least", "elsewhere"),
    [
        (spent.SAMPLER + spent.BOARD, 30, ()),
        (spent.NOT_SAFE, 2, ("proof.py",)),  # Asks it where the safe application runs, and nowhere else.
        (spent.ON_WIFI, 8, ("links/rs485.py", "board_log.py")),  # The log shortens rows where that link wants it.
    ],
    ids=["behind the start", "not safe", "on Wi-Fi"],
)
def test_no_name_that_is_given_back_is_looked_up_later(group, least, elsewhere):
    names = only_spent(group)
    assert len(names) >= least
    looked_up = [
        (file, node.id if isinstance(node, ast.Name) else node.attr)
        for file, node in living()
        if isinstance(node, ast.Name | ast.Attribute) and file not in elsewhere
    ]
    assert [(file, name) for file, name in looked_up if name in names] == []
