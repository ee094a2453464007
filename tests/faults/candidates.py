"""Faults that a programmer could make in a module: found by its syntax tree, one small change each."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FLIPPED = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
#: Whether the bound itself belongs: a fault between counts, hardly ever seen between measures.
BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
ARITHMETIC = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
#: Calls whose arguments no result depends on: logs, progress messages, warnings.
TALK = {"log", "logger", "logging", "progress", "print", "warnings"}
#: Keywords that change speed or looks of a file, never a value.
INDIFFERENT = {"indent", "stacklevel", "timeout", "encoding", "max_workers", "repr", "strict"}
#: Constants that decide how much is done at a time.
AT_A_TIME = ("_BLOCK", "_BATCH", "_CACHED", "_CHUNK")
#: Subscripts of these are types.
TYPES = {"Literal", "Callable", "dict", "tuple", "list", "set", "Mapping", "Sequence"}
#: Functions that don't mind the order of their arguments; of NumPy's clip it is the first two, the larger of
#: which is taken. The method ``clip`` of an array does mind.
SYMMETRIC = {
    "max",
    "min",
    "maximum",
    "minimum",
    "hypot",
    "array_equal",
    "logical_and",
    "logical_or",
}
#: Smaller constants are tolerances: a quarter more or less is no fault.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Fault:
    """One change of one expression or statement, as a replacement of source text."""

    module: str
    line: int
    start: int
    end: int
    kind: str
    before: str
    after: str

    @property
    def key(self) -> str:
        """Stays the same while the module does; hashes text and position within the file."""
        text = f"{self.module}:{self.line}:{self.start}:{self.before}:{self.after}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def applied(self, source: bytes) -> bytes:
        return source[: self.start] + self.after.encode() + source[self.end :]


def find_faults(root: Path, module: str) -> list[Fault]:
    """Every fault that can be planted in the file ``module`` (a path below ``root``)."""
    source = (root / module).read_bytes()
    finder = _Finder(module, source)
    finder.visit(ast.parse(source))
    return [fault for fault in finder.faults if _is_change(fault)]


def _is_change(fault: Fault) -> bool:
    """Whether the new text means something else: brackets and spaces alone are no fault."""
    if fault.after == "pass":
        return True
    return ast.dump(ast.parse(f"({fault.before})")) != ast.dump(ast.parse(f"({fault.after})"))


class _Finder(ast.NodeVisitor):
    def __init__(self, module: str, source: bytes) -> None:
        self.module = module
        self.source = source
        self.line_starts = [0]
        for line in source.splitlines(keepends=True):
            self.line_starts.append(self.line_starts[-1] + len(line))
        self.faults: list[Fault] = []

    def add(self, node: ast.AST, kind: str, after: str) -> None:
        start = self.line_starts[node.lineno - 1] + node.col_offset
        end = self.line_starts[node.end_lineno - 1] + node.end_col_offset
        before = self.source[start:end].decode()
        self.faults.append(Fault(self.module, node.lineno, start, end, kind, before, after))

    # What is left alone: text, types, messages, decorators.

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if not ast.unparse(node.targets[0]).startswith(AT_A_TIME):
            self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)
        self._visit_body(node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_body(node.body)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    def visit_Raise(self, node: ast.Raise) -> None:
        pass

    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg in INDIFFERENT:
            return
        if node.arg in ("axis", "axes", "dim") and _is_integer(node.value):
            self.add(node.value, "axis swapped", str(_other_axis(node.value)))
            return
        self.visit(node.value)

    def _visit_body(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.visit(statement)

    # Statements.

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in ("TYPE_CHECKING", "__name__ == '__main__'"):
            return
        if isinstance(node.body[-1], ast.Return | ast.Raise | ast.Continue):
            self.add(node.test, "check left out", "False")
        if isinstance(node.body[-1], ast.Return):
            self.add(node.test, "returned early", "True")
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.add(node, "statement left out", "pass")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call) and not _is_talk(node.value):
            self.add(node, "statement left out", "pass")
            self.visit(node.value)

    # Expressions.

    def visit_Constant(self, node: ast.Constant) -> None:
        value = node.value
        if isinstance(value, bool):
            self.add(node, "constant changed", str(not value))
        elif isinstance(value, int):
            self.add(node, "off by one", str(value + 1))
            if value > 1:
                self.add(node, "off by one", str(value - 1))
        elif isinstance(value, float) and (value == 0 or abs(value) >= TOLERANCE):
            self.add(node, "constant changed", repr(value * 1.25 if value else 1.0))

    def visit_BinOp(self, node: ast.BinOp) -> None:
        left, right = ast.unparse(node.left), ast.unparse(node.right)
        other = ARITHMETIC.get(type(node.op))
        text = _is_text(node.left) or _is_text(node.right)
        if other is not None and not text:
            changed = ast.BinOp(node.left, other(), node.right)
            self.add(node, "operator changed", f"({ast.unparse(changed)})")
        if isinstance(node.op, ast.Sub | ast.Div | ast.MatMult) and left != right:
            changed = ast.BinOp(node.right, node.op, node.left)
            self.add(node, "operands swapped", f"({ast.unparse(changed)})")
        self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.USub):
            self.add(node, "sign swapped", f"({ast.unparse(node.operand)})")
        elif isinstance(node.op, ast.Not):
            self.add(node, "comparison flipped", f"bool({ast.unparse(node.operand)})")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for index, operator in enumerate(node.ops):
            others = {"comparison flipped": FLIPPED[type(operator)]}
            if any(_is_count(side) for side in (node.left, *node.comparators)):
                others["off by one"] = BOUNDARY.get(type(operator))
            for kind, other in others.items():
                if other is not None:
                    operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                    changed = ast.Compare(node.left, operators, node.comparators)
                    self.add(node, kind, f"({ast.unparse(changed)})")
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        self.add(node, "and/or swapped", f"({ast.unparse(ast.BoolOp(other, node.values))})")
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        changed = ast.IfExp(node.test, node.orelse, node.body)
        self.add(node, "comparison flipped", f"({ast.unparse(changed)})")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if _is_talk(node) or ast.unparse(node.func) in ("cast", "TypeVar", "isinstance"):
            return
        name = ast.unparse(node.func)
        symmetric = name == "np.clip" or name.split(".")[-1] in SYMMETRIC
        if (
            len(node.args) >= 2
            and not symmetric
            and not any(isinstance(a, ast.Starred) for a in node.args[:2])
        ):
            arguments = [node.args[1], node.args[0], *node.args[2:]]
            changed = ast.Call(node.func, arguments, node.keywords)
            self.add(node, "arguments swapped", ast.unparse(changed))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if ast.unparse(node.value) in TYPES:
            return
        elements = node.slice.elts if isinstance(node.slice, ast.Tuple) else []
        if len(elements) >= 2 and isinstance(node.ctx, ast.Load):
            swapped = ast.Tuple([elements[1], elements[0], *elements[2:]], ast.Load())
            changed = ast.Subscript(node.value, swapped, ast.Load())
            self.add(node, "axis swapped", ast.unparse(changed))
        self.generic_visit(node)

    def visit_Slice(self, node: ast.Slice) -> None:
        for bound in (node.lower, node.upper):
            if bound is not None and not isinstance(bound, ast.Constant):
                self.add(bound, "off by one", f"{ast.unparse(bound)} + 1")
        self.generic_visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr == "T" and isinstance(node.ctx, ast.Load):
            self.add(node, "axis swapped", ast.unparse(node.value))
        self.generic_visit(node)


def _is_integer(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _other_axis(node: ast.expr) -> int:
    return 1 if node.value == 0 else node.value - 1


def _is_count(node: ast.expr) -> bool:
    """A number of things or a position among them, as far as the syntax shows it."""
    text = ast.unparse(node)
    return _is_integer(node) or text.startswith("len(") or ".shape" in text or ".size" in text


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def _is_talk(node: ast.Call) -> bool:
    root = node.func
    while isinstance(root, ast.Attribute):
        root = root.value
    return isinstance(root, ast.Name) and root.id in TALK


def spread(faults: list[Fault]) -> Iterator[Fault]:
    """At most one fault of each kind on a line: more would measure the same test again."""
    seen = set()
    for fault in faults:
        spot = (fault.module, fault.line, fault.kind)
        if spot not in seen:
            seen.add(spot)
            yield fault
