"""What grows is split by noun before it hurts."""

import ast
from collections.abc import Iterator

from tests.tidy.sources import name_of, python_files, tree

FILE_LINES_MAX = 400
SPEC_LINES_MAX = 700  # a protocol's own tables as data
TABLES = ("spec.py", "limits.py")  # a row for each thing, and nothing else
FUNCTION_LINES_MAX = 60
STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)

# Generated files, each with the reason. This table may only shrink by hand and grow by decision.
GENERATED: dict[str, str] = {}


def test_no_file_is_longer_than_a_reader_likes() -> None:
    long = []
    for path in python_files():
        lines = len(path.read_text(encoding="utf-8").splitlines())
        limit = SPEC_LINES_MAX if path.name in TABLES else FILE_LINES_MAX
        if lines > limit and name_of(path) not in GENERATED:
            long.append(f"{name_of(path)}: {lines} lines, at most {limit}")
    assert not long, "\n".join(long)


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{name_of(path)}:{line}: {name} has {lines} lines, at most {FUNCTION_LINES_MAX}"
        for path in python_files()
        for line, name, lines in functions(tree(path))
        if lines > FUNCTION_LINES_MAX
    ]
    assert not long, "\n".join(long)


def test_a_long_function_is_seen_where_it_starts() -> None:
    source = "class A:\n    def f(self):\n" + "        x = 1\n" * 60
    assert list(functions(ast.parse(source))) == [(2, "f", 61)]
    deep = "try:\n  pass\nexcept E:\n  match x:\n    case 1:\n      async def g(): pass\n"
    assert list(functions(ast.parse(deep))) == [(6, "g", 1)]


def test_a_generated_file_that_is_gone_leaves_the_table() -> None:
    names = {name_of(path) for path in python_files()}
    assert set(GENERATED) <= names


def functions(module: ast.Module) -> Iterator[tuple[int, str, int]]:
    waiting: list[ast.AST] = [module]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.lineno, node.name, (node.end_lineno or node.lineno) - node.lineno + 1
        # No function is in an expression, and most of a tree are expressions.
        inner = ast.iter_child_nodes(node)
        waiting += [one for one in inner if isinstance(one, STATEMENTS)]
