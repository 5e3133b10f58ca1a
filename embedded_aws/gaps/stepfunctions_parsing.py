r"""Gap (moto 5.2.5): definitions are parsed wrongly in three ways.

- The stack of query languages belongs to the class: two threads that parse at once, or one
  definition that was refused, spoil every later parse.
- Strings are read by Python's rules, some not at all: `"say \"x\""` in `Assign` stays escaped,
  and an emoji written as JSON's surrogate pair becomes text that cannot be encoded.
- A definition is parsed again at every start of an execution (60 ms for 20 states).
"""

import functools
import json
from typing import Any

from moto.stepfunctions.parser.asl.parse import asl_parser, preprocessor

_parse = asl_parser.AmazonStateLanguageParser.parse
_KEPT_DEFINITIONS = 64


def _init(self: Any) -> None:
    self._query_language_per_scope = []


def _json_string(parser_rule_context: Any) -> str | None:
    text: str = parser_rule_context.getText()
    if text == "null":
        return None
    if text.startswith('"') and text.endswith('"'):
        return str(json.loads(text))
    return text


def _visit_assigned_string(self: Any, ctx: Any) -> Any:
    del self
    return preprocessor.AssignTemplateValueTerminalLit(value=_json_string(ctx.string_literal()))


def apply() -> None:
    """Parse by JSON's rules, each parse by itself, each definition once.

    A parsed program can serve many executions: what an execution changes is in its environment.
    """
    preprocessor.Preprocessor.__init__ = _init
    preprocessor.Preprocessor._inner_string_of = staticmethod(_json_string)  # noqa: SLF001
    preprocessor.Preprocessor.visitAssign_template_value_terminal_string_literal = (
        _visit_assigned_string
    )
    preprocessor.from_string_literal = _json_string
    asl_parser.AmazonStateLanguageParser.parse = staticmethod(
        functools.lru_cache(_KEPT_DEFINITIONS)(_parse)
    )
