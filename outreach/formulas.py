"""Texts that a spreadsheet would run as a formula, made harmless and brought back."""

from __future__ import annotations

# What spreadsheets take for the start of a formula, their full-width twins included; tab and line ends hide one.
_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def neutral(text: str) -> str:
    """Return a text with an apostrophe in front if a spreadsheet would take it, without the apostrophes, for a formula.

    Apostrophes that were there count too, so that `original` brings back every text.
    """
    return f"'{text}" if _is_formula(text.lstrip("'")) else text


def original(text: str) -> str:
    """Return the text that `neutral` was given."""
    return text[1:] if text.startswith("'") and _is_formula(text.lstrip("'")) else text


def _is_formula(text: str) -> bool:
    return text.startswith(_STARTS) or text.lstrip().startswith(_STARTS)
