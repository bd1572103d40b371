"""Field policies in pydantic models: how a field asks to be shown while it is written (PROTOCOL.md §4, `x-stream`)."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue

from gateway.core.policies import KEYWORD, ON_INVALID

__all__ = ["Stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Annotates a field, or an item, with how it is to be shown.

    Args:
        hold: it is shown once it is complete, at once and whole.
        hold_parent: the object it is a member of is shown once this member is there and not null, at the latest when
            the object is complete.
        state: `progress.states` tells how far it is.
        redact: what it holds leaves the gateway only as the extractor's `redact` has it, or masked.
        on_invalid: of the items of an outermost list, or of a member of the root, what happens where no later token can
            make one valid: `fail` (the answer fails at once, as where nothing is said), `drop` (the item is left out)
            or `mark` (it is shown, and the end decides).

    Example:
        >>> class Product(BaseModel):
        ...     sku: Annotated[str, Stream(hold=True, hold_parent=True)]
    """

    hold: bool = False
    hold_parent: bool = False
    state: bool = False
    redact: bool = False
    on_invalid: Literal["", "fail", "drop", "mark"] = ""

    def __post_init__(self) -> None:
        """Make sure that the policy is one."""
        if self.on_invalid and self.on_invalid not in ON_INVALID:
            raise ValueError(f"on_invalid: expected one of {', '.join(ON_INVALID)}; got {self.on_invalid!r:.100}")

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Write the policy into the field's JSON Schema."""
        wishes = {name: wish for name, wish in asdict(self).items() if wish}
        return {**handler(core_schema), KEYWORD: wishes} if wishes else handler(core_schema)
