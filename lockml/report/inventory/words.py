"""Sentences that all formats of an inventory share: plain text without markup, not yet escaped."""

from lockml.common.display import redact
from lockml.inventory.model import InstalledDistribution, Inventory

__all__ = ["headline", "source_of"]


def headline(inventory: Inventory) -> str:
    """Return one line with the subject, its environment and its Python."""
    environment = inventory.environment
    platform = f"{environment.machine or 'an unknown processor'}, {environment.libc or 'an unknown C library'}"
    return f"{inventory.subject}: {environment.prefix}, Python {environment.python_text} on {platform}"


def source_of(each: InstalledDistribution) -> str:
    """Return who installed a distribution, or from where."""
    if each.owner is not None:
        return each.owner
    if each.source is not None:
        return f"{'editable, ' if each.editable else ''}from {redact(each.source.url)}"
    return f"by {each.installer or 'an unknown installer'}"
