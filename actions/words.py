"""Money and days as people write them, in both languages. Amounts in euros."""

from datetime import date
from decimal import Decimal

from actions.when import MONTHS


def euros(amount: Decimal, language: str) -> str:
    """ "34,90 €", or "€34.90" in English; whole euros without cents; always without a sign."""
    amount = abs(amount)
    figures = f"{amount:,.0f}" if amount == amount.to_integral_value() else f"{amount:,.2f}"
    if language == "en":
        return f"€{figures}"
    return figures.translate(str.maketrans(",.", ".,")) + " €"


def signed_euros(amount: Decimal, language: str) -> str:
    """`euros` with "+" or "-" before it."""
    return ("-" if amount < 0 else "+") + euros(amount, language)


def the_day(when: date, language: str) -> str:
    """A day inside a sentence, with its article in Italian: "il 24 novembre", "l'8 marzo"; "24 November"."""
    if language == "en":
        return f"{when.day} {month(when, language)}"
    if when.day == 1:
        return f"il 1° {month(when, language)}"
    article = "l'" if when.day in (8, 11) else "il "
    return f"{article}{when.day} {month(when, language)}"


def month(when: date, language: str) -> str:
    """The month's name: "novembre", "November"."""
    return MONTHS[language][when.month - 1]
