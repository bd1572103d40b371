"""Numbers of a text, beside what a person reads there."""

import pytest

from gateway.providers.verbatim.numbers import numbers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("$1,200.50 for 12 people", [1200.5, 12]),
        ("Der Preis ist 12.500 Euro, der Rabatt 12,50", [12_500, 12.5]),
        ("1.249,90 Euro", [1249.9]),
        ("12.500 Euro", [12_500]),
        ("it weighs 3.290 kg and holds 1,500", [3.29, 1500]),
        ("Es wiegt 3,5 kg und hat 1.500 Teile", [3.5, 1500]),
        ("3 500 euros, 1'200 Franken", [3500, 1200]),
        ("1.5 million euros, 2,5 Mio. Euro, 3k", [1_500_000, 2_500_000, 3000]),
        ("一人二万八千円、34000円、3万円", [1, 28_000, 34_000, 30_000]),
        ("-4 degrees, the 3rd, 12:30, 2024-06-03, ann12@x.example", [-4]),
    ],
)
def test_the_numbers_of_a_text(text: str, values: list[float]) -> None:
    """With the mark for decimals that the text has."""
    assert [number.value for number in numbers(text)] == values


def test_an_amount_of_money() -> None:
    """Has a currency beside it, or two decimals."""
    found = numbers("Order 88213: 2 kettles at 12.50, freight €9, tax 3 dollars, 4 left")
    assert [(number.value, number.is_money) for number in found] == [
        (88213, False),
        (2, False),
        (12.5, True),
        (9, True),
        (3, True),
        (4, False),
    ]
