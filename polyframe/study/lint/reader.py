"""Reads the settings out of a program's calls; it guesses nothing."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from polyframe.errors import brief
from polyframe.spec.optimizers import Optimizer
from polyframe.study.lint.helpers import helper_call
from polyframe.study.lint.program import Program, Reading, comparable
from polyframe.study.lint.source import segment
from polyframe.study.lint.tables import (
    Call,
    Framework,
    default,
    element_fields,
    setting_of,
)
from polyframe.study.lint.values import Dotted, Names, NotReadError

EVALUATION = re.compile(r"test|val|eval", re.IGNORECASE)
"""In the name of a loader, or of its data: it does not train."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
Given = dict[str, ast.expr]


@dataclass(frozen=True)
class Owner:
    """What a reading belongs to; see ``Reading``."""

    element: str = ""
    name: str = ""
    call: str = ""
    keyword: str = ""


NOBODY = Owner()


class Reader:
    """Walks the nodes of one program."""

    def __init__(
        self, program: Program, framework: Framework, names: Names, lines: list[bytes]
    ) -> None:
        self.program, self.framework = program, framework
        self.names, self.lines = names, lines

    def helper(self, name: str) -> Call | None:
        """The call of a class that polyframe wrote, and that nobody has changed."""
        node = self.names.classes.get(name)
        return None if node is None else helper_call(self.framework.name, node)

    def call(self, node: ast.Call) -> None:
        """Read a call, if it is one of those that decide something."""
        function, positional = node.func, list(node.args)
        if self.dotted(function) == "functools.partial" and positional:
            function, positional = positional[0], positional[1:]
        name = self.dotted(function)
        call = self.framework.calls.get(name)
        if call is None and isinstance(function, ast.Name):
            call, name = self.helper(function.id), function.id
            if call is None and function.id in self.names.classes:
                self.own_class(node, self.names.classes[function.id])
        if call is None and not name and isinstance(function, ast.Attribute):
            call, name = self.framework.methods.get(function.attr), function.attr
        if call is None:
            self.unknown(node, name)
            return
        given, problem = self.bind(node, positional, call)
        problem = problem or self.condition(node)
        if call.loader and self.evaluates(node, given):
            return
        if "loss" in call.sets and self.in_evaluation(node):
            return
        self.read(call, name, node, given, problem)
        for argument in call.words:
            self.word(argument, node, given)

    def unknown(self, node: ast.Call, name: str) -> None:
        """Say that an optimizer, a loss or a schedule has no row in the tables."""
        for setting, pattern in self.framework.families.items():
            if fnmatchcase(name, pattern):
                problem = f"is {name}, which is not in the tables"
                self.add(setting, node, problem=problem, of=Owner(call=name))
                return

    def dotted(self, node: ast.expr) -> str:
        """The full name of a function that is imported; "" for all else."""
        return self.names.dotted(node)

    def condition(self, node: ast.expr) -> str:
        """Why a call may never be made: it is one of two."""
        inner: ast.AST = node
        while inner in self.names.parents and not isinstance(inner, ast.stmt):
            outer = self.names.parents[inner]
            if isinstance(outer, ast.IfExp) and inner is not outer.test:
                return f"depends on a condition at line {outer.lineno}"
            inner = outer
        return ""

    def bind(
        self, node: ast.Call, positional: list[ast.expr], call: Call
    ) -> tuple[Given, str]:
        """Argument → expression, and why some cannot be told."""
        problem = ""
        if any(isinstance(each, ast.Starred) for each in positional):
            problem = f"is in *arguments at line {node.lineno}"
        given: Given = dict(zip(call.order, positional, strict=False))
        for keyword in node.keywords:
            if keyword.arg is not None:
                given[keyword.arg] = keyword.value
            elif isinstance(keyword.value, ast.Dict):
                given.update(items(keyword.value))
            else:
                problem = f"is in **arguments at line {node.lineno}"
        return given, problem

    def read(
        self, call: Call, name: str, node: ast.Call, given: Given, problem: str
    ) -> None:
        """Add all that a call says."""
        optimizer = call.element if call.element in Optimizer.registry else ""
        if optimizer:
            self.add("optimizer", node, value=optimizer, of=Owner(call=name))
        for setting, value in call.sets.items():
            text = value
            if call.replaces:
                text = f"{value}{self.others(call, node, given)}"
            self.add(setting, node, value=text, of=Owner(optimizer), problem=problem)
        if call.element:
            self.element(call, name, node, given, problem)
        for argument, setting in call.reads.items():
            meanings = call.values.get(argument, {})
            own = call.defaults.get(argument)
            if argument in given:
                expression = given[argument]
                if self.is_known_call(expression):
                    continue  # which says it itself
                self.add(
                    setting, expression, problem=problem, meanings=meanings,
                    of=Owner("", "", name, argument),
                )  # fmt: skip
            elif argument in call.defaults:
                self.add(
                    setting, node, value=meaning(own, meanings), given=False,
                    text=f"{argument}={own!r}", problem=problem,
                    of=Owner("", "", name, argument),
                )  # fmt: skip
        if call.windows:
            self.windows(call, node, given)

    def element(
        self, call: Call, name: str, node: ast.Call, given: Given, problem: str
    ) -> None:
        """Add the fields of a layer, loss or optimizer: as given, or by default."""
        arguments: dict[str, tuple[str, ast.expr, int]] = {}
        for argument, expression in given.items():
            for i, field in enumerate(self.framework.fields_of(call, argument)):
                arguments[field] = (argument, expression, i)
        bias = given.get("bias") or given.get("use_bias")
        without_bias = isinstance(bias, ast.Constant) and bias.value is False
        known = [*call.order, *given]
        for field in element_fields(call.element):
            setting = setting_of(call.element, field)
            if setting is None or (field == "bias_init" and without_bias):
                continue
            keywords = [k for k in known if field in self.framework.fields_of(call, k)]
            keyword = keywords[0] if keywords else self.spelt(field)
            of = Owner(call.element, field, name, keyword)
            if field in arguments:
                argument, expression, i = arguments[field]
                several = len(self.framework.fields_of(call, argument)) > 1
                inverse = argument in call.inverse
                if self.is_known_call(expression):
                    continue
                self.add(
                    setting.setting, expression, problem=problem, inverse=inverse,
                    part=i if several else None,
                    none=default(self.framework.name, call, field), of=of,
                )  # fmt: skip
                continue
            value = self.default(call, field, keywords)
            own = "is given at each step" if value is None and field == "lr" else ""
            self.add(
                setting.setting, node, value=value, given=False, problem=problem or own,
                inverse=field in call.inverse, of=of,
            )  # fmt: skip

    def spelt(self, field: str) -> str:
        """How this framework calls a field, where its table says so."""
        for own, neutral in self.framework.names.items():
            if field == neutral or (isinstance(neutral, list) and field in neutral):
                return own
        return field

    def default(self, call: Call, field: str, keywords: list[str]) -> object:
        """What the framework has, in the field's own convention."""
        for keyword in keywords:
            if keyword in call.defaults:
                return call.defaults[keyword]
        return default(self.framework.name, call, field)

    def add(
        self, setting: str, node: ast.AST, *, value: object = None, given: bool = True,
        text: str = "", problem: str = "", meanings: object = None,
        inverse: bool = False, part: int | None = None, none: object = None,
        of: Owner = NOBODY,
    ) -> None:  # fmt: skip
        """Add a reading: of a value that is known, or of an expression."""
        line = getattr(node, "lineno", 0)
        if value is None and not problem and given:
            text = segment(self.lines, node)
            try:
                value = self.told(node)
                value = none if value is None else value
                if part is not None and isinstance(value, tuple):
                    value = value[part]
                value = meaning(value, meanings)
                if inverse:
                    value = 1 - float(str(value))
            except NotReadError as error:
                problem = str(error)
            except (ValueError, IndexError):
                problem = f"is not a number: {brief(text)}"
        self.program.readings.append(
            Reading(
                setting,
                None if problem else comparable(value),
                text,
                line,
                given,
                problem,
                of.element,
                of.name,
                of.call,
                of.keyword,
                inverse,
            )  # fmt: skip
        )

    def told(self, node: ast.AST) -> object:
        """The value of an expression; names of frameworks as their last part, calls of
        what is imported with their arguments."""
        if isinstance(node, ast.Call):
            name = self.dotted(node.func)
            if name == "torch.device" or not name:
                raise NotReadError(f"is computed at line {node.lineno}")
            if re.search(r"schedules?\.", name):
                raise NotReadError(f"is a schedule at line {node.lineno}")
            inner = segment(self.lines, node).partition("(")[2]
            word = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.rpartition(".")[2]).lower()
            return word if inner in (")", "") else f"{word}({inner}"
        value = self.names.value(node)
        return value.name.rpartition(".")[2] if isinstance(value, Dotted) else value

    def others(self, call: Call, node: ast.Call, given: Given) -> str:
        """The arguments that change what a call means, as text."""
        first = 1 if self.framework.name == "torch" else 0
        texts = [segment(self.lines, each) for each in node.args[first:]]
        for keyword in node.keywords:
            value = keyword.value
            plain = value.value if isinstance(value, ast.Constant) else None
            if plain is None or call.neutral.get(keyword.arg or "") != plain:
                texts.append(f"{keyword.arg}={segment(self.lines, value)}")
        return f"({', '.join(texts)})" if texts else ""

    def is_known_call(self, node: ast.expr) -> bool:
        """Whether an expression is a call that is read by itself."""
        if not isinstance(node, ast.Call):
            return False
        call = self.framework.calls.get(self.dotted(node.func))
        return call is not None and "initializer" in call.sets

    def in_evaluation(self, node: ast.AST) -> bool:
        """Whether a node is in a function that evaluates, by its name."""
        inner = node
        while inner in self.names.parents:
            inner = self.names.parents[inner]
            name = getattr(inner, "name", "") if isinstance(inner, FUNCTIONS) else ""
            if EVALUATION.search(name) and "train" not in name.lower():
                return True
        return False

    def evaluates(self, node: ast.Call, given: Given) -> bool:
        """Whether a loader is of data for evaluation, by its names."""
        texts = [
            segment(self.lines, given[k]) for k in ("dataset", "data") if k in given
        ]
        if isinstance(node.func, ast.Attribute):
            texts.append(segment(self.lines, node.func.value))
        owner: ast.AST | None = node
        while owner is not None and not isinstance(owner, ast.stmt):
            owner = self.names.parents.get(owner)
        if isinstance(owner, ast.Assign):
            texts += [segment(self.lines, each) for each in owner.targets]
        return any(EVALUATION.search(text) for text in texts)

    def word(self, argument: str, node: ast.Call, given: Given) -> None:
        """Read an optimizer or a loss that is named by a text: ``"adam"``."""
        expression = given.get(argument)
        if expression is None or isinstance(expression, ast.Call):
            return
        try:
            word = self.names.value(expression)
        except NotReadError as error:
            if "is computed" not in str(error):  # an object, read where it is made
                self.add(argument, expression, problem=str(error))
            return
        name = self.framework.words.get(word.lower()) if isinstance(word, str) else None
        if name is None:
            return
        call = self.framework.calls[name]
        options = given.get("optimizer_params")
        problem, inner = "", {}
        if isinstance(options, ast.Dict):
            inner = items(options)
        elif options is not None:
            problem = f"is in {segment(self.lines, options)}"
        self.read(call, name, node, inner, problem)

    def own_class(self, node: ast.Call, owner: ast.ClassDef) -> None:
        """Say that an optimizer is the program's own."""
        bases = [self.dotted(base) for base in owner.bases]
        optimizers = ("torch.optim.", "keras.optimizers.", "mxnet.optimizer.")
        if any(base.startswith(optimizers) for base in bases):
            self.add(
                "optimizer", node,
                problem=f"is the class {owner.name} of line {owner.lineno}",
                of=Owner(call=owner.name),
            )  # fmt: skip

    def windows(self, call: Call, node: ast.Call, given: Given) -> None:
        """Read how windows with strides are padded."""
        size, strides, padding = call.windows
        pools = size == "pool_size" or not call.element
        try:
            values = {
                key: self.names.value(given[key])
                for key in (size, strides, padding)
                if key in given
            }
        except NotReadError:
            return
        kernel = comparable(values.get(size))
        stride = comparable(values.get(strides, kernel if pools else 1))
        pad = values.get(padding, 0)
        pad = pad.lower() if isinstance(pad, str) else comparable(pad)
        if stride in (1, 1.0, None) or kernel == 1 or pad in (0, "valid"):
            return
        if pools and stride == kernel and pad == "same":
            return  # differs for odd sizes only
        kind = (
            "same: the odd zero goes to the end"
            if pad == "same"
            else "both sides alike"
        )
        self.add("strided_padding", given.get(padding, node), value=kind)


def items(node: ast.Dict) -> Given:
    """The items of a mapping that is written out."""
    return {
        str(key.value): value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant)
    }


def meaning(value: object, meanings: object) -> object:
    """What a value means, if the table says so."""
    if isinstance(meanings, dict) and isinstance(value, (str, bool, float)):
        return meanings.get(value, value)
    return value
