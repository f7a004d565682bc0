"""Recipes: what a TOML file says, and what is refused."""

from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import UsageError
from synth.recipe import Recipe, read_recipe, recipe_to_json
from synth.shapes import SHAPE_WEIGHTS
from synth.states import Mix


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "recipe.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    recipe = read_recipe(
        write(
            tmp_path,
            "prints = 0\nlight = false\nsmallest = 12\n"
            "[mix]\nwith_mask = 3\nincorrect = 1\n[styles]\nsurgical = 1\n",
        )
    )
    changed = Recipe(
        mix=Mix(0.75, 0, 0.25), styles={"surgical": 1}, prints=0, light=False, smallest=12
    )
    assert recipe == changed


def test_an_empty_file_is_the_default(tmp_path: Path) -> None:
    assert read_recipe(write(tmp_path, "")) == Recipe()


def test_json_names_every_field() -> None:
    assert set(recipe_to_json(Recipe())) == {f.name for f in fields(Recipe)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("prints = ", "TOML", id="no TOML"),
        pytest.param(b"\xff\xfe", "TOML", id="no text"),
        pytest.param("beards = 1", "beards", id="unknown key"),
        pytest.param("textures = ['a.png']", "textures", id="files belong to options"),
        pytest.param("prints = 'many'", "prints from 0", id="no number"),
        pytest.param("prints = true", "prints from 0", id="a truth value"),
        pytest.param("instead = 1.5", "instead from 0 to 1", id="more than always"),
        pytest.param("instead = nan", "instead from 0 to 1", id="not a number"),
        pytest.param("front = -0.1", "front from 0 to 1", id="less than never"),
        pytest.param("turned = 0", "turned above 0", id="never turned"),
        pytest.param("turned = 1000", "turned from 0 to 100", id="turned too often"),
        pytest.param("light = 1", "light = true or false", id="no truth value"),
        pytest.param("negatives = 0.6\ncrowds = 0.6", "at most 1", id="more than all"),
        pytest.param("styles = 3", "styles", id="no table"),
        pytest.param("[styles]\nhockey = 1", "hockey", id="unknown style"),
        pytest.param("[styles]\nsurgical = 0", "positive weight", id="no style"),
        pytest.param("[states]\nright = 1", "right", id="right is no wrong state"),
        pytest.param("[mix]\nwith = 1", "mix", id="unknown class"),
        pytest.param("[mix]\nwith_mask = -1", "with_mask", id="negative share"),
        pytest.param("mix = '1,2,3'", "mix", id="mix as text"),
    ],
)
def test_faults_are_named_with_their_file(text: str | bytes, says: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_recipe(path)
    assert says in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml.*No such file"):
        read_recipe(tmp_path / "none.toml")


@given(st.dictionaries(st.sampled_from(sorted(SHAPE_WEIGHTS)), st.floats(0, 10), min_size=1))
def test_any_weights_of_known_styles_do(weights: dict[str, float]) -> None:
    if sum(weights.values()) > 0:
        assert Recipe(styles=weights).styles == weights
    else:
        with pytest.raises(UsageError):
            Recipe(styles=weights)


def test_the_order_in_a_file_makes_no_difference(tmp_path: Path) -> None:
    """Draws go through the weights in turn: another order would draw other pictures."""
    one = read_recipe(write(tmp_path, "[styles]\ncloth = 1\nsurgical = 2\n"))
    other = read_recipe(write(tmp_path, "[styles]\nsurgical = 2\ncloth = 1\n"))
    assert list(one.styles.items()) == list(other.styles.items())


def test_faces_of_no_size_are_refused() -> None:
    with pytest.raises(UsageError, match="smallest of 1 px or more"):
        Recipe(smallest=0)
