"""Names of classes from a text file, one a line, in the order of the logits."""

from pathlib import Path

from gfnet_mobile.errors import UserError
from gfnet_mobile.models.network import GlanceFocusNet


def labelled(model: GlanceFocusNet, file: Path | None) -> GlanceFocusNet:
    """``model`` with the names in ``file``, or as it is. Raises UserError unless each class has one."""
    if file is not None:
        names = _read(file, model.config.classes)
        model.config = model.config.model_copy(update={"labels": names})
    return model


def _read(file: Path, classes: int) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read as text: {getattr(error, 'strerror', None) or error}") from error
    names = tuple(line.strip() for line in text.splitlines())
    if len(names) != classes or not all(names):
        named = sum(map(bool, names))
        raise UserError(f"{file}: {named} names for {classes} classes; there must be one on each line")
    return names
