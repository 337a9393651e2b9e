import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.edits import recipes
from iedf_assets.core.edits.paints import paints_for
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.pictures.body_colour import bears
from iedf_assets.core.profile.subtypes import (
    SUBTYPES,
    Delete,
    Identity,
    Move,
    Recipes,
    Recolor,
    Scale,
    is_by_model,
    kind_of,
)

SEEDS = st.integers(0, 2**63)


@st.composite
def scenes(draw: st.DrawFn) -> tuple[dict[str, Any], int, int]:
    """A subject anywhere in a picture, and the picture's size."""
    width, height = draw(st.integers(128, 4000)), draw(st.integers(128, 4000))
    x, y = draw(st.integers(0, width - 8)), draw(st.integers(0, height - 8))
    box_width, box_height = draw(st.integers(8, width - x)), draw(st.integers(8, height - y))
    colour = draw(st.lists(st.integers(0, 255), min_size=3, max_size=3))
    return subject(x, y, box_width, box_height, width, height, colour), width, height


def subject(
    x: int, y: int, box_width: int, box_height: int, width: int, height: int, colour: list[int] | None = None
) -> dict[str, Any]:
    share = 0.7 * box_width * box_height / (width * height)
    return {
        "x": x, "y": y, "width": box_width, "height": box_height, "area_share": share,
        "center_x": (x + box_width / 2) / width, "center_y": (y + box_height / 2) / height,
        "colour": colour or [200, 90, 40], "touches_border": False, "caption": None,
    }  # fmt: skip


def drawn(subtype: str, scene: tuple[dict[str, Any], int, int], seed: int) -> recipes.Recipe | None:
    recipe = recipes.draw(subtype, seed, *scene, getattr(Recipes(), subtype))
    return None if isinstance(recipe, recipes.Unplannable) else recipe


@given(st.sampled_from(sorted(SUBTYPES)), scenes(), SEEDS)
def test_a_recipe_is_json_and_depends_on_its_arguments_alone(
    subtype: str, scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe = drawn(subtype, scene, seed)
    assert recipe == drawn(subtype, scene, seed)
    if recipe is not None:
        assert json.loads(json.dumps(recipe)) == recipe
        assert (recipe["subtype"], recipe["task"]) == (subtype, SUBTYPES[subtype].task)


@given(scenes(), SEEDS)
def test_a_moved_object_stays_in_the_picture_and_within_the_limits(
    scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe = drawn("move", scene, seed)
    if recipe is None:
        return
    thing, width, height = scene
    dx, dy, percent = recipe["dx"], recipe["dy"], recipe["percent"]
    assert thing["x"] + dx >= 0
    assert thing["x"] + thing["width"] + dx <= width
    assert thing["y"] + dy >= 0
    assert thing["y"] + thing["height"] + dy <= height
    assert Move().min_shift <= percent / 100 <= Move().max_shift
    sign = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}[recipe["direction"]]
    assert (dx, dy) == (sign[0] * round(percent * width / 100), sign[1] * round(percent * height / 100))


@given(scenes(), SEEDS)
def test_an_object_cut_by_a_border_moves_along_it_only(
    scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe = drawn("move", scene, seed)
    if recipe is not None:
        cut = recipes.cut_of(*scene)
        assert not (recipe["dx"] and (cut.left or cut.right))
        assert not (recipe["dy"] and (cut.top or cut.bottom))


@given(scenes(), SEEDS)
def test_a_moved_object_leaves_its_old_place_where_there_is_room(
    scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe = drawn("move", scene, seed)
    if recipe is None:
        return
    thing, width, height = scene
    across = bool(recipe["dx"])
    side, start, length = ("width", "x", width) if across else ("height", "y", height)
    rooms = thing[start], length - thing[start] - thing[side]
    greatest = min(max(rooms) * 100 // length, round(Move().max_shift * 100))
    if greatest * length >= thing[side] * 100:
        assert abs(recipe["dx"] + recipe["dy"]) >= thing[side] - 1
    else:
        # The farther half of what the direction allows.
        room = rooms[recipe["direction"] in {"right", "down"}]
        allowed = range(round(Move().min_shift * 100), min(room * 100 // length, 40) + 1)
        assert recipe["percent"] >= allowed[len(allowed) // 2]


def test_an_object_moves_sideways_where_it_can_and_both_ways() -> None:
    scene = (subject(250, 50, 100, 100, 600, 400), 600, 400)
    directions = {recipe["direction"] for seed in range(40) if (recipe := drawn("move", scene, seed))}
    assert directions == {"left", "right"}


def test_an_object_as_wide_as_the_picture_moves_up_or_down() -> None:
    scene = (subject(10, 150, 580, 100, 600, 400), 600, 400)
    directions = {recipe["direction"] for seed in range(40) if (recipe := drawn("move", scene, seed))}
    assert directions == {"up", "down"}


@pytest.mark.parametrize("subtype", ["move", "scale"])
def test_an_object_that_fills_the_picture_has_no_room(subtype: str) -> None:
    limits = getattr(Recipes(), subtype).model_copy(update={"max_area": 1.0})
    refused = recipes.draw(subtype, 1, subject(0, 0, 600, 400, 600, 400), 600, 400, limits)
    assert isinstance(refused, recipes.Unplannable)
    assert refused.reason == "no_room"
    assert "layers" not in refused.detail


@given(scenes(), SEEDS)
def test_a_scaled_object_stays_in_the_picture_and_within_the_limits(
    scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe = drawn("scale", scene, seed)
    if recipe is None:
        return
    thing, width, height = scene
    factor, limits = recipe["factor"], Scale()
    smaller = limits.min_smaller <= factor <= limits.max_smaller
    assert smaller or limits.min_larger <= factor <= limits.max_larger
    for start, length, anchor, limit in (
        (thing["x"], thing["width"], recipe["anchor_x"], width),
        (thing["y"], thing["height"], recipe["anchor_y"], height),
    ):
        assert anchor + factor * (start - anchor) >= -2
        assert anchor + factor * (start + length - 1 - anchor) <= limit + 1


@given(scenes(), SEEDS)
def test_a_scaled_object_keeps_its_cut_on_the_border(
    scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe = drawn("scale", scene, seed)
    if recipe is None:
        return
    _, width, height = scene
    cut = recipes.cut_of(*scene)
    assert not (cut.left and cut.right)
    assert not (cut.top and cut.bottom)
    if cut.left or cut.right:
        assert recipe["anchor_x"] == (0 if cut.left else width - 1)
    if cut.top or cut.bottom:
        assert recipe["anchor_y"] == (0 if cut.top else height - 1)


def test_an_object_in_the_open_is_scaled_about_its_foot_both_ways() -> None:
    scene = (subject(250, 200, 100, 100, 600, 400), 600, 400)
    drawn_recipes = [recipe for seed in range(40) if (recipe := drawn("scale", scene, seed))]
    assert {recipe["factor"] > 1 for recipe in drawn_recipes} == {True, False}
    assert {(recipe["anchor_x"], recipe["anchor_y"]) for recipe in drawn_recipes} == {(299.5, 299.0)}


@pytest.mark.parametrize(("share", "possible"), [(0.19, False), (0.17, True)])
@pytest.mark.parametrize("subtype", ["delete", "move"])
def test_behind_what_a_network_found_no_more_is_made_up_than_looks_right(
    subtype: str, share: float, possible: bool
) -> None:
    thing = subject(250, 200, 100, 100, 600, 400) | {"area_share": share}
    limits, found = getattr(Recipes(), subtype), {"confidence": 0.99, "others": []}
    assert isinstance(recipes.draw(subtype, 1, thing | found, 600, 400, limits), dict) is possible
    assert isinstance(recipes.draw(subtype, 1, thing, 600, 400, limits), dict)


@pytest.mark.parametrize(("share", "possible"), [(0.19, False), (0.17, True)])
def test_what_a_network_found_shrinks_only_where_little_is_made_up(share: float, possible: bool) -> None:
    tall = subject(0, 0, 100, 400, 600, 400) | {"area_share": share, "others": []}
    cut = tall | {"y": 10, "height": 389}
    drawn = recipes.draw("scale", 1, cut, 600, 400, Recipes().scale)
    assert isinstance(drawn, dict) is possible


@pytest.mark.parametrize(
    ("share", "reason"), [(0.36, "object_too_large"), (0.001, "object_too_small"), (0.1, None)]
)
def test_only_objects_of_a_sensible_size_are_removed(share: float, reason: str | None) -> None:
    thing = subject(250, 200, 100, 100, 600, 400) | {"area_share": share}
    result = recipes.draw("delete", 1, thing, 600, 400, Delete())
    assert (result.reason if isinstance(result, recipes.Unplannable) else None) == reason


@given(scenes(), SEEDS)
def test_a_new_colour_is_clearly_another_one_and_shows(
    scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe = drawn("recolor", scene, seed)
    if recipe is None:
        return
    lightness, chroma, hue = colour_names.lch_of(scene[0]["colour"])
    if chroma >= colour_names.ACHROMATIC:
        assert colour_names.hue_distance(hue, recipe["hue"]) >= Recolor().min_hue_distance
    assert not bears(colour_names.name_of(scene[0]["colour"]).key, recipe["colour"])
    assert recipe["chroma"] > 2 * colour_names.ACHROMATIC
    painted = max(lightness, 0.05) ** recipe["gamma"], recipe["chroma"], recipe["hue"]
    assert bears(colour_names.name_of_lch(*painted).key, recipe["colour"])


BODY = {"share": 0.9, "skin": 0.0, "lightness": [0.7, 0.8, 0.9]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"colour": [215, 212, 205], "body": BODY}, None),
        ({"colour": [215, 212, 205], "body": BODY | {"share": 0.5}}, "no_body_colour"),
        ({"colour": [215, 212, 205], "body": BODY | {"skin": 0.1}}, "no_body_colour"),
        ({"colour": [205, 160, 130], "body": BODY}, "no_body_colour"),
        ({"colour": [60, 80, 160]}, None),
    ],
)
def test_only_things_of_one_colour_get_another_and_never_skin(
    changes: dict[str, Any], reason: str | None
) -> None:
    thing = subject(250, 200, 100, 100, 600, 400) | changes
    result = recipes.draw("recolor", 1, thing, 600, 400, Recolor())
    assert (result.reason if isinstance(result, recipes.Unplannable) else None) == reason


def test_a_white_cup_becomes_no_olive_one() -> None:
    thing = subject(250, 200, 100, 100, 600, 400) | {"colour": [215, 212, 205], "body": BODY}
    drawn = [recipes.draw("recolor", seed, thing, 600, 400, Recolor()) for seed in range(200)]
    colours = {recipe["colour"] for recipe in drawn if isinstance(recipe, dict)}
    assert {"yellow", "blue", "green"} <= colours
    assert "olive" not in colours


def test_there_is_no_new_colour_when_every_hue_is_too_near() -> None:
    thing = subject(250, 200, 100, 100, 600, 400)
    result = recipes.draw("recolor", 1, thing, 600, 400, Recolor(min_hue_distance=180))
    assert isinstance(result, recipes.Unplannable)
    assert result.reason == "no_colour"


@given(st.sampled_from(["identity", "background"]), scenes(), SEEDS)
def test_strengths_are_whole_steps_within_the_limits(
    subtype: str, scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    recipe, limits = drawn(subtype, scene, seed), getattr(Recipes(), subtype)
    assert recipe is not None
    assert limits.min_strength <= recipe["strength"] <= limits.max_strength
    assert recipe["strength"] * 20 == pytest.approx(round(recipe["strength"] * 20))


@pytest.mark.parametrize(
    ("subtype", "kinds"), [("identity", recipes.IDENTITY_KINDS), ("background", recipes.BACKGROUND_KINDS)]
)
def test_every_kind_is_drawn_for_a_subject_of_medium_brightness(subtype: str, kinds: tuple[str, ...]) -> None:
    scene = (subject(250, 200, 100, 100, 600, 400), 600, 400)
    assert {recipe["kind"] for seed in range(200) if (recipe := drawn(subtype, scene, seed))} == set(kinds)


@pytest.mark.parametrize(("level", "kinds"), [(12, {"brighten"}), (250, {"warm", "cool", "darken"})])
def test_black_and_white_subjects_get_only_what_shows_on_them(level: int, kinds: set[str]) -> None:
    thing = subject(250, 200, 100, 100, 600, 400, [level] * 3)
    recipe_kinds = {
        recipe["kind"] for seed in range(60) if (recipe := drawn("identity", (thing, 600, 400), seed))
    }
    assert recipe_kinds == kinds


@pytest.mark.parametrize(
    ("subtype", "parameters"),
    [
        ("move", {"direction": "right", "percent": 21, "dx": 126, "dy": 0}),
        ("scale", {"factor": 1.25, "anchor_x": 299.5, "anchor_y": 249.0}),
        ("delete", {}),
        ("recolor", {"colour": "light_blue", "hue": 258, "chroma": 0.122, "gamma": 0.956}),
        ("identity", {"kind": "brighten", "strength": 0.55}),
        ("background", {"kind": "cool", "strength": 0.5}),
    ],
)
def test_golden_recipes_else_bump_the_plan_version(subtype: str, parameters: dict[str, Any]) -> None:
    scene = (subject(250, 150, 100, 100, 600, 400, [255, 140, 0]), 600, 400)
    expected = {"task": SUBTYPES[subtype].task, "subtype": subtype, **parameters}
    assert drawn(subtype, scene, 7) == expected


def test_limits_between_two_steps_are_held() -> None:
    thing = subject(250, 200, 100, 100, 600, 400)
    recipe = recipes.draw("identity", 3, thing, 600, 400, Identity(min_strength=0.51, max_strength=0.53))
    assert isinstance(recipe, dict)
    assert 0.51 <= recipe["strength"] <= 0.53


def box_of(thing: dict[str, Any], recipe: recipes.Recipe) -> tuple[float, float, float, float]:
    """Where a recipe puts the subject's box: left, top, right, bottom."""
    factor, ax, ay = recipe.get("factor", 1.0), recipe.get("anchor_x", 0.0), recipe.get("anchor_y", 0.0)
    left, top = ax + factor * (thing["x"] - ax), ay + factor * (thing["y"] - ay)
    left, top = left + recipe.get("dx", 0), top + recipe.get("dy", 0)
    return left, top, left + factor * thing["width"], top + factor * thing["height"]


@given(st.sampled_from(["move", "scale"]), scenes(), st.lists(scenes(), max_size=3), SEEDS)
def test_where_other_things_are_known_a_subject_is_put_onto_none_and_not_lifted(
    subtype: str, scene: Any, others: list[Any], seed: int
) -> None:
    thing, width, height = scene
    boxes = [
        [other["x"] % width, other["y"] % height, other["width"], other["height"]] for other, _, _ in others
    ]
    recipe = drawn(subtype, ({**thing, "others": boxes}, width, height), seed)
    if recipe is None:
        return
    assert recipe.get("dy", 0) == 0
    old = (thing["x"], thing["y"], thing["x"] + thing["width"], thing["y"] + thing["height"])
    new = box_of(thing, recipe)
    for x, y, box_width, box_height in boxes:

        def covered(area: tuple[float, float, float, float], box: tuple[int, int, int, int]) -> float:
            across = min(area[2], box[0] + box[2]) - max(area[0], box[0])
            down = min(area[3], box[1] + box[3]) - max(area[1], box[1])
            return max(across, 0) * max(down, 0)

        box = (x, y, box_width, box_height)
        assert covered(new, box) - covered(old, box) <= 0.02 * box_width * box_height + 1e-6


@given(scenes(), SEEDS)
def test_among_known_things_a_subject_grows_where_it_can(scene: Any, seed: int) -> None:
    thing, width, height = scene
    recipe = drawn("scale", ({**thing, "others": []}, width, height), seed)
    if recipe is not None and recipe["factor"] < 1:
        seeds = range(seed, seed + 30)
        factors = [again["factor"] for each in seeds if (again := drawn("scale", scene, each))]
        assert max(factors) < 1
        assert recipe["factor"] == Recipes().scale.max_smaller


def test_no_background_is_blurred_around_what_a_network_found() -> None:
    scene = (subject(250, 200, 100, 100, 600, 400), 600, 400)
    found = ({**scene[0], "others": []}, 600, 400)
    edits = [[drawn("background", one, seed) or {} for seed in range(60)] for one in (scene, found)]
    kinds = [{edit["kind"] for edit in of_one} for of_one in edits]
    assert kinds[0] - kinds[1] == {"defocus"}
    assert kinds[1] == set(recipes.BACKGROUND_KINDS) - {"defocus"}
    # Nor is anything changed so little that people hardly see it.
    assert [min(edit["strength"] for edit in of_one) for of_one in edits] == [0.4, 0.65]


@given(scenes(), SEEDS)
def test_among_known_things_a_subject_moves_rather_near(scene: Any, seed: int) -> None:
    thing, width, height = scene
    recipe = drawn("move", ({**thing, "others": []}, width, height), seed)
    if recipe is not None:
        left, right = thing["x"], width - thing["x"] - thing["width"]
        room = left if recipe["direction"] == "left" else right
        limits = Recipes().move
        most = min(room * 100 // width, round(limits.max_shift * 100))
        assert recipe["percent"] <= (100 * limits.min_shift + most) / 2 + 1


@given(st.tuples(*[st.integers(0, 255)] * 3), st.tuples(*[st.floats(0.05, 0.95)] * 3))
def test_mild_colours_are_those_of_all_that_change_the_lightness_little(
    colour: tuple[int, int, int], lightness: tuple[float, float, float]
) -> None:
    every, mild = (paints_for(colour, sorted(lightness), 45, mild=only) for only in (False, True))
    assert mild == [paint for paint in every if 0.75 <= paint["gamma"] <= 1.35]


def test_what_a_network_found_gets_no_colour_of_quite_another_lightness() -> None:
    dark = {"colour": [120, 10, 20], "body": BODY | {"lightness": [0.3, 0.35, 0.4]}}
    scene = (subject(250, 200, 100, 100, 600, 400) | dark, 600, 400)
    found = ({**scene[0], "others": []}, 600, 400)
    gammas = [{edit["gamma"] for seed in range(60) if "gamma" in (edit := drawn("recolor", one, seed) or {})}
              for one in (scene, found)]  # fmt: skip
    assert min(gammas[0]) < 0.75
    assert all(gamma >= 0.75 for gamma in gammas[1])


@given(st.sampled_from(["move", "scale"]), scenes(), SEEDS)
def test_what_a_model_draws_is_the_recipe_that_the_layers_would_have_and_says_so(
    subtype: str, scene: tuple[dict[str, Any], int, int], seed: int
) -> None:
    limits = getattr(Recipes(), subtype)
    by_layers = recipes.draw(subtype, seed, *scene, limits)
    by_model = recipes.draw(subtype, seed, *scene, limits.model_copy(update={"by": "model"}))
    if isinstance(by_layers, recipes.Unplannable):
        assert by_model == by_layers
        return
    assert by_model == {**by_layers, "by": "model"}
    assert not is_by_model(by_layers)
    kinds = [kind_of(recipe) for recipe in (by_layers, by_model)]
    assert [kind and kind.spread for kind in kinds] == [1, 4]
