"""The part of Go's text/template that host names are made with (domain-template and tag-template).

Actions with fields, strings, numbers, pipes and parentheses; if / else if / else / end; trim markers and comments; the
functions and or not eq ne index len print printf. Variables, range, with, define, template and block are refused.
Errors carry Go's words and positions, since Knative shows them for a bad ConfigMap.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from emulator.core.gotext import quote

_ACTION: Final = re.compile(r"\{\{(- )?(?P<body>.*?)(?P<trim> -)?\}\}", re.DOTALL)
_TOKEN: Final = re.compile(
    r'\s*(?:(?P<field>(?:\.\w+)+|\.)|(?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)|(?P<number>-?\d+)|(?P<word>\w+)'
    r"|(?P<mark>[|()]))"
)


class TemplateError(ValueError):
    """The template cannot be parsed, or not be executed with its data."""


class _NoValue:
    """What a key that a map lacks gives."""

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "<no value>"


_NO_VALUE: Final = _NoValue()

_Data = Mapping[str, Any]
_Value = Callable[[_Data], Any]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _printf(layout: str, *values: Any) -> str:
    """Go's %s %v %q %d and %%, without flags."""
    rest = iter(values)
    forms: dict[str, Callable[[], str]] = {
        "%%": lambda: "%",
        "%q": lambda: quote(_text(next(rest))),
        "%s": lambda: _text(next(rest)),
        "%v": lambda: _text(next(rest)),
        "%d": lambda: str(int(next(rest))),
    }
    return re.sub(r"%[%qsvd]", lambda match: forms[match[0]](), layout)


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key, "")
    return value


def _and(*values: Any) -> Any:
    return next((value for value in values if not value), values[-1])


def _or(*values: Any) -> Any:
    return next((value for value in values if value), values[-1])


_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "and": _and,
    "or": _or,
    "not": lambda value: not value,
    "eq": lambda first, *others: first in others,
    "ne": lambda first, second: first != second,
    "index": _index,
    "len": len,
    "print": lambda *values: "".join(map(_text, values)),
    "printf": _printf,
}
_CONSTANTS: Final = {"true": True, "false": False, "nil": _NO_VALUE}
_ENDS_COMMAND: Final = frozenset({"|", ")"})
_REFUSED: Final = frozenset({"range", "with", "define", "template", "block", "break", "continue"})


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int
    column: int


def _constant(text: str) -> Callable[[_Data], str]:
    return lambda _: text


class Template:
    """A parsed template. `type_name` is what Go calls the type of its data, for messages. Raises TemplateError."""

    def __init__(self, name: str, text: str, type_name: str) -> None:
        self.text = text
        self._name = name
        self._type_name = type_name
        self._pieces = list(self._split(text))[::-1]
        self._ended_by: list[_Token] = []
        self._render = self._block(inside=False)

    def execute(self, data: _Data) -> str:
        """Fill in `data`: field name -> text or mapping of texts. Raises TemplateError."""
        return self._render(data)

    def _error(self, line: int, words: str) -> TemplateError:
        return TemplateError(f"template: {self._name}:{line}: {words}")

    def _split(self, text: str) -> Iterator[str | list[_Token]]:
        """Texts and, as tokens, actions in turn."""
        position = 0
        trim = False
        while position < len(text):
            start = text.find("{{", position)
            piece = text[position:] if start < 0 else text[position:start]
            if trim:
                piece = piece.lstrip()
            if start < 0:
                yield piece
                return
            line = text.count("\n", 0, start) + 1
            action = _ACTION.match(text, start)
            if action is None:
                raise self._error(line, "unclosed action")
            yield piece.rstrip() if action[1] else piece
            if not action["body"].lstrip().startswith("/*"):
                yield list(self._tokens(text, action.start("body"), action.end("body")))
            trim = bool(action["trim"])
            position = action.end()

    def _tokens(self, text: str, start: int, end: int) -> Iterator[_Token]:
        while text[start:end].strip():
            token = _TOKEN.match(text, start, end)
            line = text.count("\n", 0, start) + 1
            if token is None:
                raise self._error(line, f"unexpected {quote(text[start:end].strip())} in command")
            kind = token.lastgroup or ""
            begin = token.start(kind)
            yield _Token(kind, token[kind], line, begin - (text.rfind("\n", 0, begin) + 1))
            start = token.end()

    def _block(self, *, inside: bool) -> Callable[[_Data], str]:
        """Parse up to the end, or inside an if up to its else or end, which is kept in _ended_by."""
        parts: list[Callable[[_Data], str]] = []
        while self._pieces:
            piece = self._pieces.pop()
            if isinstance(piece, str):
                parts.append(_constant(piece))
                continue
            word = piece[0].text if piece and piece[0].kind == "word" else ""
            if word in {"else", "end"}:
                if not inside:
                    raise self._error(piece[0].line, f"unexpected {{{{{word}}}}}")
                self._ended_by = piece
                break
            if word == "if":
                parts.append(self._if(piece[1:], piece[0].line))
            elif word in _REFUSED:
                raise self._error(piece[0].line, f"{{{{{word}}}}} is not supported here: use fields, functions and if")
            else:
                parts.append(self._print(piece))
        else:
            if inside:
                raise self._error(self.text.count("\n") + 1, "unexpected EOF")
        return lambda data: "".join(part(data) for part in parts)

    def _print(self, action: list[_Token]) -> Callable[[_Data], str]:
        value = self._whole(action, "command")
        return lambda data: _text(value(data))

    def _if(self, condition: list[_Token], line: int) -> Callable[[_Data], str]:
        test = self._whole(condition, "if", line)
        then = self._block(inside=True)
        closing = self._ended_by
        if closing[0].text == "end":
            otherwise = _constant("")
        elif closing[1:] and closing[1].text == "if":
            otherwise = self._if(closing[2:], closing[1].line)
        else:
            otherwise = self._block(inside=True)
        return lambda data: then(data) if test(data) else otherwise(data)

    def _whole(self, tokens: list[_Token], context: str, line: int = 1) -> _Value:
        """A pipeline that is all there is in an action."""
        stack = tokens[::-1]
        value = self._pipeline(stack, context, line)
        if stack:
            raise self._error(stack[-1].line, f"unexpected {quote(stack[-1].text)} in {context}")
        return value

    def _pipeline(self, stack: list[_Token], context: str, line: int) -> _Value:
        """Commands joined by |, each given the value of the one before as its last argument."""
        value = self._command(stack, context, line)
        while stack and stack[-1].text == "|":
            line = stack.pop().line
            value = self._command(stack, context, line, value)
        return value

    def _command(self, stack: list[_Token], context: str, line: int, piped: _Value | None = None) -> _Value:
        if not stack or stack[-1].text in _ENDS_COMMAND:
            raise self._error(line, f"missing value for {context}")
        head = stack[-1]
        if head.kind != "word" or head.text in _CONSTANTS:
            return self._operand(stack)
        stack.pop()
        function = _FUNCTIONS.get(head.text)
        if function is None:
            raise self._error(head.line, f"function {quote(head.text)} not defined")
        arguments = []
        while stack and stack[-1].text not in _ENDS_COMMAND:
            arguments.append(self._operand(stack))
        if piped is not None:
            arguments.append(piped)
        return self._call(head, function, arguments)

    def _call(self, head: _Token, function: Callable[..., Any], arguments: list[_Value]) -> _Value:
        def value(data: _Data) -> Any:
            values = [argument(data) for argument in arguments]
            try:
                return function(*values)
            except (TypeError, ValueError, AttributeError, StopIteration) as error:
                raise self._failure(head, f"error calling {head.text}: {error}") from error

        return value

    def _operand(self, stack: list[_Token]) -> _Value:
        token = stack.pop()
        if token.text == "(":
            value = self._pipeline(stack, "command", token.line)
            if not stack or stack.pop().text != ")":
                raise self._error(token.line, "unclosed left paren")
            return value
        if token.kind == "field":
            return self._field(token)
        if token.kind == "string":
            text = token.text[1:-1]
            literal = text if token.text[0] == "`" else re.sub(r"\\(.)", r"\1", text)
            return lambda _: literal
        if token.kind == "number":
            number = int(token.text)
            return lambda _: number
        if token.text in _CONSTANTS:
            return lambda _: _CONSTANTS[token.text]
        raise self._error(token.line, f"unexpected {quote(token.text)} in operand")

    def _field(self, token: _Token) -> _Value:
        names = token.text.split(".")[1:] if token.text != "." else []

        def value(data: _Data) -> Any:
            found: Any = data
            for depth, name in enumerate(names):
                if depth == 0 and name not in data:
                    raise self._failure(token, f"can't evaluate field {name} in type {self._type_name}")
                if not isinstance(found, Mapping):
                    raise self._failure(token, f"can't evaluate field {name} in type string")
                found = found.get(name, _NO_VALUE)
            return found

        return value

    def _failure(self, token: _Token, words: str) -> TemplateError:
        where = f"{self._name}:{token.line}:{token.column}"
        return TemplateError(f"template: {where}: executing {quote(self._name)} at <{token.text}>: {words}")
