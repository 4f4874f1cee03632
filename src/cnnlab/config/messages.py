"""What is wrong with a config, in one line: the field, the value received, the remedy."""

from pydantic import BaseModel, ValidationError

from cnnlab.errors import did_you_mean


def one_line(error: ValidationError, source: str, config: type[BaseModel]) -> str:
    """Say the first thing that is wrong, with its field, the value received and the remedy."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        *sections, field = [str(part) for part in first["loc"]]
        known = _section_at(config, sections).model_fields
        return f"{source}: unknown setting {place!r}. {did_you_mean(field, known)}"
    if first["type"] == "missing":
        return f"{source}: the setting {place!r} is required."
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{source}: {place}: {message}."
    return f"{source}: {place}: {message[0].lower()}{message[1:]}. Received: {first['input']!r}."


def _section_at(config: type[BaseModel], path: list[str]) -> type[BaseModel]:
    """Return the config class at a dotted place."""
    section = config
    for name in path:
        annotation = section.model_fields[name].annotation
        assert isinstance(annotation, type), name
        section = annotation
    return section
