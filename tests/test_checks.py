"""Checks of arguments: the sentences that users read, arrays, and values under trace."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nujax._checks import (
    check_at_least,
    check_at_most,
    check_choice,
    check_in_range,
    check_non_negative,
    check_positive,
    check_window,
)

NAN, INF = float("nan"), float("inf")


def sentence(check, *arguments) -> str | None:
    """What `check` complains about, or None."""
    try:
        check(*arguments)
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize("good", [1e-300, 1, 3.5, np.float32(2.0), np.ones((2, 3)), [1.0, 2.0]])
def test_positive_numbers(good):
    """Any kind of positive number passes, also arrays and lists: batches are made of them."""
    for check in (check_positive, check_non_negative):
        check("mass", good)
        check("mass", jnp.asarray(good))


@pytest.mark.parametrize("bad", [-1.0, NAN, INF, -INF])
def test_other_numbers(bad):
    """Negative and non-finite numbers are refused with the argument's name and the value."""
    assert sentence(check_positive, "mass", bad) == (
        f"Argument `mass` must be positive, but is {bad}."
    )
    assert sentence(check_non_negative, "coupling", bad) == (
        f"Argument `coupling` must be zero or positive, but is {bad}."
    )


def test_zero():
    """Zero is no mass, but it is a coupling: it switches a mediator off."""
    assert sentence(check_positive, "mass", 0) == "Argument `mass` must be positive, but is 0.0."
    check_non_negative("coupling", 0)
    check_non_negative("coupling", -0.0)


def test_first_bad_element_is_named():
    """Of a batch the first bad element is shown, not the array."""
    values = np.array([[1.0, 2.0], [-3.0, NAN]])
    assert sentence(check_positive, "mass", values) == (
        "Argument `mass` must be positive, but is -3.0."
    )
    assert sentence(check_at_most, "λ", [1.0, 7.0, 9.0], 5.0, "a reason") == (
        "Argument `λ` must be at most 5 (a reason), but is 7.0."
    )


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, 1.5, NAN, INF])
def test_open_interval(bad):
    """sin²2θ of exactly 0 or 1 is refused: nothing is produced, or cos 2θ = 0 has no slope."""
    check_in_range("sin2_2theta", [1e-300, 0.5, 1.0 - 1e-15], 0.0, 1.0)
    assert sentence(check_in_range, "sin2_2theta", bad, 0.0, 1.0) == (
        f"Argument `sin2_2theta` must lie between 0 and 1, but is {bad}."
    )


def test_largest_coupling():
    """λ = 4π itself is allowed, anything above is not; NaN is the business of another check."""
    largest = 4.0 * np.pi
    check_at_most("coupling", largest, largest, "why")
    check_at_most("coupling", NAN, largest, "why")
    assert sentence(check_at_most, "coupling", 13, largest, "4π") == (
        "Argument `coupling` must be at most 12.5664 (4π), but is 13.0."
    )


def test_smallest_mass():
    """The limit itself is allowed, anything below is not."""
    check_at_least("mass", [1e-3, 1.0], 1e-3, "why")
    assert sentence(check_at_least, "mass", [1.0, 5e-4], 1e-3, "1 keV") == (
        "Argument `mass` must be at least 0.001 (1 keV), but is 0.0005."
    )


def test_text_is_no_number():
    """A quantity with its unit as text is answered with the way to write it."""
    with pytest.raises(TypeError, match="Argument `mass`") as caught:
        check_positive("mass", "1GeV")
    assert str(caught.value) == (
        "Argument `mass` must be a number, but is '1GeV'. Units are factors: 1.0 * nujax.units.GeV."
    )


def test_words():
    """A wrong word is answered with the right ones."""
    check_choice("flavour", "mu", ("e", "mu", "tau"))
    assert sentence(check_choice, "flavour", "muon", ("e", "mu", "tau")) == (
        'Argument `flavour` must be one of "e", "mu", "tau", but is \'muon\'.'
    )
    for bad in (None, 3, ["e"], "E"):
        assert sentence(check_choice, "flavour", bad, ("e", "mu", "tau")) is not None


def test_window():
    """T_final must be below T_initial, for every point of a batch."""
    check_window(1e4, 0.1)
    check_window(np.array([1e4, 1e3]), 0.1)
    assert sentence(check_window, 1.0, 10.0) == (
        "Argument `T_final` must be below `T_initial`, but they are 10 and 1 MeV."
    )
    assert sentence(check_window, 1.0, 1.0) is not None
    assert sentence(check_window, [1e4, 0.05], 0.1) is not None
    assert sentence(check_window, 1.0, NAN) is not None


def test_traced_values_are_not_checked():
    """Under jit, grad and vmap there is no number to check: nothing is raised, nothing computed."""

    def function(value):
        check_positive("mass", value)
        check_non_negative("coupling", value)
        check_in_range("sin2_2theta", value, 0.0, 1.0)
        check_at_most("coupling", value, 1.0, "why")
        check_at_least("mass", value, 0.0, "why")
        check_window(value, 1.0)
        check_window(1.0, value)
        return 2.0 * value

    bad = jnp.asarray([-1.0, 7.0])
    np.testing.assert_array_equal(jax.jit(function)(bad), 2.0 * bad)
    np.testing.assert_array_equal(jax.vmap(jax.grad(function))(bad), 2.0)


def test_placeholders_are_not_checked():
    """JAX and Equinox put objects that are no numbers into leaves; rebuilding must not fail."""
    for placeholder in (object(), jax.ShapeDtypeStruct((), jnp.float64)):
        check_positive("mass", placeholder)
        check_in_range("sin2_2theta", placeholder, 0.0, 1.0)
        check_window(placeholder, 1.0)
