"""Texts as names in code: what Swift and Kotlin both take for an identifier."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence

from gfnet_mobile.errors import UserError


def type_name(network: str) -> str:
    """``photos_v2`` → ``PhotosV2``. Raises UserError where no such name begins with a letter."""
    name = camel(network, upper=True)
    if not name[:1].isalpha():
        raise UserError(
            f"name {network!r}: makes no identifier; export it under one that begins with a letter (--name)"
        )
    return name


def label_names(labels: Sequence[str], *, upper: bool, reserved: Collection[str]) -> list[str]:
    """An identifier for each label, all different: ``golden retriever`` → ``goldenRetriever``, with ``upper``
    ``GoldenRetriever``.

    Labels that would share one have their class index behind it (``crane_134``), reserved words an underscore
    (``default_``), a leading digit has one before it; a label without letters and digits is ``class`` and its index.
    Camel case has no underscores, so that no two can become one by these additions.
    """
    names = [
        camel(label, upper=upper) or f"{'Class' if upper else 'class'}{index}" for index, label in enumerate(labels)
    ]
    count = Counter(names)
    names = [name if count[name] == 1 else f"{name}_{index}" for index, name in enumerate(names)]
    return [f"_{name}" if name[0].isdigit() else f"{name}_" if name in reserved else name for name in names]


def camel(text: str, *, upper: bool) -> str:
    """The words of a text in camel case, beginning with a large letter or a small one; "" if it has none."""
    joined = unicodedata.normalize("NFKC", text).replace("'", "").replace("’", "")
    words = "".join(letter if _fits(letter) else " " for letter in joined).split()
    named = [word[:1].upper() + word[1:] for word in words]
    if named and not upper:
        first = words[0]
        named[0] = first.lower() if first.isupper() else first[:1].lower() + first[1:]
    return "".join(filter(_fits, "".join(named)))  # a letter in the other case may be two, one of them no letter


def _fits(letter: str) -> bool:
    """Is it a letter or digit of the first plane, and has been since Unicode 3.2? Every compiler knows those."""
    kinds = {unicodedata.category(letter), unicodedata.ucd_3_2_0.category(letter)}
    return letter <= "\uffff" and all(kind[0] == "L" or kind == "Nd" for kind in kinds)
