"""Cards written as TOML, as they are read."""

import json
from typing import Any


def as_toml(content: dict[str, Any], table: str = "") -> str:
    """A card as TOML: simple entries first, then tables."""
    lines = [f"{_key(k)} = {_value(v)}" for k, v in content.items() if not isinstance(v, dict)]
    for key, value in content.items():
        if isinstance(value, dict):
            path = f"{table}.{_key(key)}" if table else _key(key)
            lines += ["", f"[{path}]", as_toml(value, path)]
    return "\n".join(lines)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() else json.dumps(key)


def _value(value: Any) -> str:
    if isinstance(value, list):
        inner = ", ".join(_value(v) for v in value)
        return f"[{inner}]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)
