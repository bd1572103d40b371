"""What a candidate says about the members of an object and the items of an array."""

from gateway.core.candidates import Candidate, literals
from gateway.core.values import JsonObject, JsonValue

__all__ = [
    "declared_keys",
    "is_open",
    "is_required",
    "is_restricted_string",
    "item_schemas",
    "member_schemas",
    "other_schemas",
    "prefix_count",
]

_REST = ("additionalProperties", "unevaluatedProperties")


def is_restricted_string(candidate: Candidate) -> bool:
    """Whether a string is permitted, and only one of a few given ones."""
    return "string" in candidate.types and any(literals(node) is not None for node in candidate.nodes)


def declared_keys(candidate: Candidate) -> list[str]:
    """Give the members that are declared by name, in written order."""
    return list(dict.fromkeys(key for node in candidate.nodes for key in _properties(node)))


def is_open(candidate: Candidate) -> bool:
    """Whether members are permitted of which nothing is said: not where any is declared, or all others are refused."""
    if other_schemas(candidate):
        return True
    refuses = any(node.get(rest) is False for node in candidate.nodes for rest in _REST)
    return not (refuses or any("properties" in node for node in candidate.nodes))


def is_required(candidate: Candidate, key: str) -> bool:
    """Whether the member `key` has to be there."""
    lists = (node.get("required") for node in candidate.nodes)
    return any(key in required for required in lists if isinstance(required, list))


def member_schemas(candidate: Candidate, key: str) -> list[JsonValue]:
    """Give the schemas that all hold for the member `key`."""
    return [schema for node in candidate.nodes for schema in _member_schemas(node, key)]


def other_schemas(candidate: Candidate) -> list[JsonValue]:
    """Give the schemas that hold for members that are not declared by name."""
    return [schema for node in candidate.nodes for schema in _other_schemas(node)]


def prefix_count(candidate: Candidate) -> int:
    """Give the number of items at the start that have a schema of their own."""
    return max((len(_prefix(node)) for node in candidate.nodes), default=0)


def item_schemas(candidate: Candidate, index: int) -> list[JsonValue]:
    """Give the schemas that all hold for the item at `index`."""
    return [schema for node in candidate.nodes for schema in _item_schemas(node, index)]


def _properties(node: JsonObject) -> JsonObject:
    properties = node.get("properties")
    return properties if isinstance(properties, dict) else {}


def _member_schemas(node: JsonObject, key: str) -> list[JsonValue]:
    properties = _properties(node)
    return [properties[key]] if key in properties else _other_schemas(node)


def _other_schemas(node: JsonObject) -> list[JsonValue]:
    """Where patterns and the rest say several things, it is open which: then nothing is said."""
    patterns = node.get("patternProperties")
    found = list(patterns.values()) if isinstance(patterns, dict) else []
    found.extend(node.get(keyword) for keyword in _REST)
    schemas: list[JsonValue] = [schema for schema in found if isinstance(schema, dict)]
    return schemas if len(schemas) == 1 else []


def _prefix(node: JsonObject) -> list[JsonValue]:
    for keyword in ("prefixItems", "items"):
        if isinstance(schemas := node.get(keyword), list):
            return schemas
    return []


def _item_schemas(node: JsonObject, index: int) -> list[JsonValue]:
    prefix = _prefix(node)
    if index < len(prefix):
        return [prefix[index]]
    rest = node.get("additionalItems") if isinstance(node.get("items"), list) else node.get("items")
    return [rest] if isinstance(rest, dict) else []
