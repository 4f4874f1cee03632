"""What is wrong with a config, in one line: the field, the value received, the remedy."""

from pydantic import BaseModel, ValidationError

from cnnlab.errors import did_you_mean
from cnnlab.values import shown

# Where pydantic would speak of Python's types.
_IN_OUR_WORDS = {
    "tuple_type": "must be a list of numbers, such as [0.5, 0.75]",
    "dict_type": "is a section, with names and values of its own",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "invalid_key": "names must be text",
}


def one_line(error: ValidationError, source: str, config: type[BaseModel]) -> str:
    """Say the first thing that is wrong, with its field, the value received and the remedy."""
    first = error.errors()[0]
    parts = [str(part) for part in first["loc"]]
    is_argument = parts[:2] == ["model", "args"] and len(parts) > 2
    if is_argument:
        parts = parts[:3]  # behind them are the types that were tried
    place = ".".join(parts)
    message = first["msg"].removeprefix("Value error, ")
    message = f"{message[0].lower()}{message[1:]}"
    if first["type"] == "extra_forbidden":
        *sections, field = parts
        remedy = did_you_mean(field, _section_at(config, sections).model_fields)
        text = f"unknown setting {place!r}. {remedy}"
    elif first["type"] == "missing":
        text = f"the setting {place!r} is required."
    elif first["type"] == "value_error":
        text = f"{place}: {message}." if place else f"{message}."  # of the whole config
    else:
        if first["type"] == "model_type":
            message = f"is a section, with the fields {', '.join(_section_at(config, parts).model_fields)}"
        elif first["loc"][-1] == "[key]":
            message = _IN_OUR_WORDS["invalid_key"]
        elif is_argument:
            message = "must be true, false, a finite number or text"
        elif (largest := first.get("ctx", {}).get("le", 0)) > 1e15:
            message = f"input should be less than or equal to {largest:g}"  # not all its digits
        elif first["type"] == "literal_error":
            message = message.replace("False, True", "false, true")  # as TOML writes them
        else:
            message = _IN_OUR_WORDS.get(first["type"], message)
        text = f"{place}: {message}. Received: {shown(first['input'])}."
    return " ".join(f"{source}: {text}".splitlines())


def _section_at(config: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """Return the config class at a dotted place."""
    section = config
    for name in path:
        annotation = section.model_fields[name].annotation
        assert isinstance(annotation, type), name
        section = annotation
    return section
