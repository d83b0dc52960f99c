"""Money and days as people write them, in both languages. Amounts in euros."""

from datetime import date, datetime, timedelta
from decimal import Decimal

from actions.dates import day


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
    written = _day_and_month(when, language)
    if language == "en":
        return written
    number, month = written.split()
    if number == "1":
        return f"il 1° {month}"
    return f"l'{written}" if number in ("8", "11") else f"il {written}"


def month(when: date, language: str) -> str:
    """The month's name: "novembre", "November"."""
    return _day_and_month(when, language).split()[1]


def _day_and_month(when: date, language: str) -> str:
    moment = datetime(when.year, when.month, when.day)
    # Far from "now", so that it is never "today" or "tomorrow"; the weekday, which comes first, is left out.
    return day(moment, now=moment - timedelta(days=99), language=language).split(" ", 1)[1]
