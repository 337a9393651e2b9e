"""Both instructions of an edit, from its recipe and its subject alone."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iedf_assets.core.edits import instructions, recipes
from iedf_assets.core.edits.phrases import level_of, level_words, phrases_of
from iedf_assets.core.edits.readings import disagreements, read
from iedf_assets.core.pictures import colour_names
from iedf_assets.core.profile.bank import LANGUAGES, PHRASINGS, Language, Phrasing, bank
from iedf_assets.core.profile.subtypes import SUBTYPES, Recipes
from iedf_assets_tests.helpers.subjects import SUBJECT, subjects

SIZE = (600, 400)
MOVE = {
    "task": "structural_edit", "subtype": "move", "direction": "right", "percent": 12, "dx": 72, "dy": 0,
}  # fmt: skip
RECOLOR = {"task": "semantic_edit", "subtype": "recolor", "colour": "light_blue", "hue": 258, "chroma": 0.1}
# Edits of the whole picture, which name no object.
WHOLE = {name for name, subtype in SUBTYPES.items() if subtype.mask_of == "everything"}
# Every `subtype/kind`.
KEYS = [f"{subtype}/{kind}" for subtype, entry in bank().edits.items() for kind in entry.kinds]


def drawn(subtype: str, seed: int) -> recipes.Recipe:
    recipe = recipes.draw(subtype, seed, SUBJECT, *SIZE, getattr(Recipes(), subtype))
    assert isinstance(recipe, dict)
    return recipe


def written(recipe: recipes.Recipe, subject: dict[str, Any] = SUBJECT) -> list[tuple[str, str]]:
    return [instructions.write(recipe, subject, *SIZE, seed) for seed in range(150)]


@given(st.sampled_from(sorted(SUBTYPES)), st.integers(0, 2**63))
def test_instructions_are_one_clean_line_in_each_language(subtype: str, seed: int) -> None:
    recipe = drawn(subtype, seed)
    chinese, english = instructions.write(recipe, SUBJECT, *SIZE, seed)
    assert (chinese, english) == instructions.write(recipe, SUBJECT, *SIZE, seed)
    for text in (chinese, english):
        assert text == " ".join(text.split())
        assert not re.search(r"[{}\"「」]|[.。]$", text)
    assert english[0].isupper()
    if SUBTYPES[subtype].task != "text_edit":  # which quotes text, in whatever letters
        assert english.isascii()
        assert not re.search(r"[A-Za-z,“”]", chinese)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("phrasing", PHRASINGS)
def test_every_edit_can_be_asked_for_in_eight_ways(language: Language, phrasing: Phrasing) -> None:
    for key in KEYS:
        phrases = phrases_of(key, language, phrasing)
        other = phrases_of(key, language, "plain" if phrasing == "exact" else "exact")
        assert len(set(phrases)) >= 8 or (other and not phrases), key
        names_it = key.partition("/")[0] not in WHOLE
        assert all(("{it}" in phrase) == names_it for phrase in phrases), key


@pytest.mark.parametrize("subtype", sorted(SUBTYPES))
def test_the_seed_draws_many_phrasings_of_each_language_independently(subtype: str) -> None:
    pairs = set(written(drawn(subtype, 5)))
    chinese, english = ({pair[number] for pair in pairs} for number in (0, 1))
    assert len(chinese) >= 8
    assert len(english) >= 8
    assert len(pairs) > max(len(chinese), len(english))


@pytest.mark.parametrize(
    ("direction", "ch", "en", "length"),
    [
        ("left", "向左", "to the left", ("宽度", "width")),
        ("right", "向右", "to the right", ("宽度", "width")),
        ("up", "向上", " upwards", ("高度", "height")), ("down", "向下", " downwards", ("高度", "height")),
    ],
)  # fmt: skip
def test_a_move_states_direction_and_distance(
    direction: str, ch: str, en: str, length: tuple[str, str]
) -> None:
    for chinese, english in written({**MOVE, "direction": direction}):
        assert ch in chinese
        assert f"画面{length[0]}的 12%" in chinese
        assert en in english
        assert f"12% of the image {length[1]}" in english


@pytest.mark.parametrize(
    ("percent", "ch", "en"),
    [(12, "一点", "a little"), (20, "一段距离", "a fair way"), (35, "一大段距离", "a long way")],
)
def test_a_plain_move_says_how_far_in_words(percent: int, ch: str, en: str) -> None:
    for chinese, english in written({**MOVE, "percent": percent, "phrasing": "plain"}):
        assert ch in chinese
        assert f"{en} to the right" in english
        assert not re.search(r"\d", chinese + english)


@pytest.mark.parametrize(
    ("factor", "ch", "en"),
    [
        (1.2, "放大一点", "a little bigger"), (1.5, "放大一半左右", "about half as big again"),
        (0.65, "缩小三分之一左右", "about a third smaller"), (0.55, "缩小一半左右", "about half the size"),
    ],
)  # fmt: skip
def test_a_plain_scaling_says_how_much_in_words(factor: float, ch: str, en: str) -> None:
    recipe = {"task": "structural_edit", "subtype": "scale", "factor": factor, "phrasing": "plain"}
    for chinese, english in written(recipe):
        assert ch in chinese
        assert en in english


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_so_many_edits_are_asked_for_plainly_as_the_profile_says(share: float) -> None:
    found = [instructions.phrasing_of(MOVE, seed, share) for seed in range(400)]
    assert found.count("plain") / len(found) == pytest.approx(share, abs=0.06)
    assert set(found) <= {"plain", "exact"}


DOG = SUBJECT | {"number": 2, "x": 400, "caption": {"ch": "狗", "en": "dog"}, "parts": None}
CUP = SUBJECT | {"number": 1, "x": 20, "caption": {"ch": "杯子", "en": "cup"}, "parts": None}


@pytest.mark.parametrize(
    ("dx", "changes", "beside"),
    [
        (270, {}, True), (240, {}, True),
        # Too far from it, the other way, past it, not on a level, without a name, beside it already.
        (150, {}, False), (-20, {}, False), (420, {}, False), (270, {"y": 300}, False),
        (270, {"caption": None}, False), (270, {"caption": {"en": "dog"}}, False), (270, {"x": 130}, False),
        (270, {"parts": [1, 3]}, False), (270, {"caption": CUP["caption"], "x": 40}, False),
    ],
)  # fmt: skip
def test_a_plain_move_names_what_it_ends_beside(dx: int, changes: dict[str, Any], beside: bool) -> None:
    recipe = {**MOVE, "direction": "right" if dx > 0 else "left", "percent": abs(dx) // 6, "dx": dx}
    found = instructions.phrased(recipe, 1, 1.0, CUP, [CUP, DOG | changes], SIZE)
    assert ("beside" in found) == beside
    if beside:
        assert found["beside"] == {"ch": "画面右侧的狗", "en": "the dog on the right"}
        for chinese, english in written(found, CUP):
            assert "画面右侧的狗" in chinese
            assert "the dog on the right" in english
            for text, language in ((chinese, "ch"), (english, "en")):
                reading = read(text, "ch" if language == "ch" else "en")
                assert reading
                assert disagreements(reading, found) == []
                assert disagreements(
                    reading, found | {"beside": {"ch": "画面右侧的猫", "en": "the cat on the right"}}
                )
                assert disagreements(reading, recipe)


def test_half_of_the_plain_moves_and_no_exact_one_names_a_neighbour() -> None:
    recipe = {**MOVE, "percent": 45, "dx": 270}
    found = [instructions.phrased(recipe, seed, 0.5, CUP, [CUP, DOG], SIZE) for seed in range(200)]
    plain = [each for each in found if each["phrasing"] == "plain"]
    assert 0.3 < sum("beside" in each for each in plain) / len(plain) < 0.7
    assert not any("beside" in each for each in found if each["phrasing"] == "exact")


def test_what_has_one_way_to_be_asked_for_is_of_no_phrasing() -> None:
    for recipe in ({"subtype": "identity", "kind": "warm"}, {"subtype": "replace", "text": "a cat"}):
        assert instructions.phrasing_of(recipe, 1, 0.5) is None


@pytest.mark.parametrize("factor", [0.65, 1.3])
def test_a_scaling_states_how_much(factor: float) -> None:
    recipe = {
        "task": "structural_edit",
        "subtype": "scale",
        "factor": factor,
        "anchor_x": 1.0,
        "anchor_y": 1.0,
    }
    numbers = {round(factor * 100), abs(round(factor * 100) - 100)}
    for texts in written(recipe):
        for text in texts:
            assert int(re.findall(r"\d+", text)[0]) in numbers


def test_a_recolouring_states_the_new_colour_and_the_old() -> None:
    for chinese, english in written(RECOLOR):
        assert "浅蓝色" in chinese
        assert "橙色" in chinese
        assert "light blue" in english
        assert "orange" in english


@pytest.mark.parametrize("kind", recipes.BACKGROUND_KINDS)
def test_a_background_edit_names_the_background_and_the_subject(kind: str) -> None:
    recipe = {"task": "consistency_edit", "subtype": "background", "kind": kind, "strength": 0.6}
    for chinese, english in written(recipe):
        assert "背景" in chinese
        assert "画面中央的橙色主体" in chinese
        assert "the background" in english
        assert "the orange subject in the centre" in english.lower()


@pytest.mark.parametrize(
    ("changes", "sole"),
    [({"others": []}, True), ({"others": [[0, 0, 9, 9]]}, False),
     ({}, False),
     ({"others": [], "caption": {"en": "cat", "ch": "猫"}}, False)],
)  # fmt: skip
@pytest.mark.parametrize("subtype", ["background", "identity"])
def test_a_subject_beside_which_nothing_was_found_is_that_of_the_photo_without_a_place(
    subtype: str, changes: dict[str, Any], sole: bool
) -> None:
    recipe = {"task": "consistency_edit", "subtype": subtype, "kind": "warm", "strength": 0.6}
    for chinese, english in written(recipe, SUBJECT | changes):
        assert ("照片的主体" in chinese) == ("subject of the photo" in english) == sole
        for text, language in ((chinese, "ch"), (english, "en")):
            reading = read(text, language)  # type: ignore[arg-type]
            assert reading
            assert disagreements(reading, recipe) == []
            assert (reading.place is None) == sole


@pytest.mark.parametrize(("apart", "sole"), [(0.2, True), (-0.4, True), (-0.8, False)])
def test_what_may_be_several_things_is_called_none(apart: float, sole: bool) -> None:
    alone = SUBJECT | {"others": [], "apart": apart}
    for chinese, english in written({"task": "semantic_edit", "subtype": "delete"}, alone):
        assert ("照片的主体" in chinese) == ("subject of the photo" in english) == sole
        assert ("in the centre" in english) != sole
    for chinese, english in written(MOVE, SUBJECT | {"others": [[0, 0, 9, 9]], "apart": apart}):
        assert "照片的主体" not in chinese
        assert "in the centre" in english


@pytest.mark.parametrize(("found", "noun"), [({}, ("物体", "object")), ({"others": []}, ("主体", "subject"))])
def test_what_a_network_found_is_called_no_object_since_it_may_be_a_person(
    found: dict[str, Any], noun: tuple[str, str]
) -> None:
    for texts in written(MOVE, SUBJECT | found):
        assert all(word in text for word, text in zip(noun, texts, strict=True))


@pytest.mark.parametrize(
    ("strength", "level"), [(0.35, "slight"), (0.5, "clear"), (0.65, "clear"), (0.7, "strong")]
)
@pytest.mark.parametrize(
    ("subtype", "kind"),
    [("identity", kind) for kind in recipes.IDENTITY_KINDS]
    + [("background", kind) for kind in recipes.BACKGROUND_KINDS],
)
def test_the_word_for_the_strength_fits_in_both_languages(
    subtype: str, kind: str, strength: float, level: str
) -> None:
    recipe = {"task": "consistency_edit", "subtype": subtype, "kind": kind, "strength": strength}
    assert level_of(recipe) == f"strength/{level}"
    for texts in written(recipe):
        for language, text in zip(LANGUAGES, texts, strict=True):
            assert any(re.search(rf"{word}(?!\w)" if language == "en" else word, text.lower())
                       for word in level_words(f"strength/{level}", language).values())  # fmt: skip


@pytest.mark.parametrize(
    ("x", "y", "ch", "en"),
    [
        (0, 0, "画面左上方", "in the upper left"), (250, 0, "画面上方", "at the top"),
        (500, 150, "画面右侧", "on the right"), (250, 300, "画面下方", "at the bottom"),
        (250, 150, "画面中央", "in the centre"),
    ],
)  # fmt: skip
def test_an_object_is_named_by_its_place(x: int, y: int, ch: str, en: str) -> None:
    subject = SUBJECT | {"x": x, "y": y}
    assert instructions.object_name(subject, *SIZE, "en", "object") == f"the orange object {en}"
    assert instructions.object_name(subject, *SIZE, "ch", "物体") == f"{ch}的橙色物体"


@pytest.mark.parametrize(
    ("x", "width", "column"),
    [(0, 420, 1), (0, 380, 0), (190, 60, 0), (210, 60, 1), (330, 60, 1), (350, 60, 2)],
)
def test_only_what_is_in_the_middle_is_in_the_centre(x: int, width: int, column: int) -> None:
    assert instructions.place_of(SUBJECT | {"x": x, "width": width}, *SIZE) == (1, column)


@pytest.mark.parametrize(
    ("x", "others", "column"),
    [(250, [350], 0), (250, [150], 1), (290, [100], 2), (290, [500], 1), (250, [100, 500], 1), (250, [], 1)],
)
def test_the_outermost_of_several_is_on_its_side(x: int, others: list[int], column: int) -> None:
    beside = [[left, 100, 60, 80] for left in others]
    assert instructions.place_of(SUBJECT | {"x": x, "width": 60, "others": beside}, *SIZE) == (1, column)


@pytest.mark.parametrize(
    ("x", "width", "other", "column"),
    [(150, 300, 50, 1), (190, 390, 50, 2), (190, 390, 500, 1), (20, 390, 500, 0)],
)
def test_what_covers_the_middle_is_at_a_side_where_its_middle_is(
    x: int, width: int, other: int, column: int
) -> None:
    subject = SUBJECT | {"x": x, "width": width, "others": [[other, 100, 60, 80]]}
    assert instructions.place_of(subject, *SIZE) == (1, column)


def test_an_object_of_no_one_colour_is_called_by_none() -> None:
    plain = SUBJECT | {"colour_name": None}
    assert instructions.object_name(plain, *SIZE, "en", "object") == "the object in the centre"
    assert instructions.object_name(plain, *SIZE, "ch", "物体") == "画面中央的物体"
    blue = SUBJECT | {"colour_name": "blue"}
    assert instructions.object_name(blue, *SIZE, "en", "object") == "the blue object in the centre"


@pytest.mark.parametrize("key", ["light_grey", "grey", "dark_grey"])
def test_of_a_networks_object_no_grey_is_said_since_light_makes_it(key: str) -> None:
    grey = SUBJECT | {"colour_name": key}
    assert instructions.colour_of(grey) == key
    assert instructions.colour_of(grey | {"others": []}) is None
    assert instructions.colour_of(grey | {"colour_name": "white", "others": []}) == "white"


def test_a_group_is_called_a_group_of_whatever_and_without_a_place() -> None:
    group = SUBJECT | {"parts": [1, 2], "area_share": 0.4, "others": []}
    for recipe in (
        MOVE,
        {"task": "consistency_edit", "subtype": "background", "kind": "warm", "strength": 0.6},
    ):
        for texts in written(recipe, group):
            for text, language in zip(texts, LANGUAGES, strict=True):
                reading = read(text, language)
                assert reading
                assert disagreements(reading, recipe) == []
                assert (reading.place, reading.caption) == (None, None)
    assert instructions.object_name(group, *SIZE, "en", "object") == "the group of subjects in the photo"
    assert instructions.object_name(group, *SIZE, "ch", "物体") == "照片中的所有主体"


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"x": 20}, True), ({"colour_name": "blue"}, True), ({"parts": [1, 2]}, True),
        ({}, False), ({"x": 260}, False), ({"colour": [0, 0, 255]}, True),
        # A small orange object is an orange object too.
        ({"area_share": 0.01}, False),
        ({"caption": {"ch": "狗", "en": "dog"}}, False),
    ],
)  # fmt: skip
def test_objects_are_told_apart_by_what_they_are_called(other: dict[str, Any], told: bool) -> None:
    assert instructions.is_told_apart(SUBJECT, [SUBJECT | {"x": 20}, SUBJECT | other], *SIZE) == told


def test_a_name_must_tell_in_both_languages() -> None:
    dog, cat = ({"caption": {"ch": "动物", "en": name}} for name in ("dog", "cat"))
    assert not instructions.is_told_apart(SUBJECT | dog, [SUBJECT | cat], *SIZE)
    cat["caption"]["ch"] = "猫"
    assert instructions.is_told_apart(SUBJECT | dog, [SUBJECT | cat], *SIZE)
    assert instructions.is_told_apart(SUBJECT | dog, [], *SIZE)


@pytest.mark.parametrize(
    ("share", "ch", "en"), [(0.4, "大型", "large "), (0.01, "小型", "small "), (0.1, "", "")]
)
def test_an_object_is_named_by_its_size_when_that_is_clear(share: float, ch: str, en: str) -> None:
    subject = SUBJECT | {"area_share": share}
    assert instructions.object_name(subject, *SIZE, "en", "object") == f"the {en}orange object in the centre"
    assert instructions.object_name(subject, *SIZE, "ch", "物体") == f"画面中央的{ch}橙色物体"


@pytest.mark.parametrize(
    ("caption", "ch", "en"),
    [
        ("A {striped} cat.", "橙色物体", "{striped} cat"),
        ({"ch": "一只猫。", "en": "the cat"}, "一只猫", "cat"),
        ({"ch": "猫"}, "猫", "orange object"),
        ("", "橙色物体", "orange object"),
    ],
)
def test_a_caption_names_the_object(caption: Any, ch: str, en: str) -> None:
    chinese, english = instructions.write(MOVE, SUBJECT | {"caption": caption}, *SIZE, 1)
    assert f"画面中央的{ch}" in chinese
    assert f"the {en} in the centre" in english


@given(st.sampled_from(sorted(SUBTYPES)), subjects(), st.integers(0, 2**63))
def test_whatever_is_drawn_the_texts_say_what_where_and_how_much(
    subtype: str, subject: dict[str, Any], seed: int
) -> None:
    recipe = recipes.draw(subtype, seed, subject, *SIZE, getattr(Recipes(), subtype))
    if isinstance(recipe, recipes.Unplannable):
        return
    texts = dict(zip(LANGUAGES, instructions.write(recipe, subject, *SIZE, seed), strict=True))
    for language, text in texts.items():
        noun = {"en": ("object", "subject"), "ch": ("物体", "主体")}[language][
            subtype in ("identity", "background", "portrait")
        ]
        name = instructions.object_name(subject, *SIZE, language, noun)
        assert (name.lower() in text.lower()) == (subtype not in WHOLE)
        rest = text.lower().replace(name.lower(), "")
        numbers = {int(number) for number in re.findall(r"\d+", rest)}
        if "direction" in recipe:
            assert numbers == {recipe["percent"]}
            assert bank().words[language].directions[recipe["direction"]] in rest
        elif "factor" in recipe:
            percent = round(recipe["factor"] * 100)
            assert len(numbers) == 1
            assert numbers <= {percent, abs(percent - 100)}
        elif "percent" in recipe:
            assert numbers == {recipe["percent"]}
        elif SUBTYPES[subtype].task != "text_edit":
            assert not numbers
        if "colour" in recipe:
            new = colour_names.COLOURS[recipe["colour"]]
            assert (new.en if language == "en" else new.ch) in rest
        if "strength" in recipe:
            level = level_of(recipe)
            assert level
            assert any(word in rest for word in level_words(level, language).values())


@pytest.mark.parametrize(
    ("subtype", "ch", "en"),
    [
        ("move", "把画面中央的橙色物体的位置向右移动画面宽度的 21%，原处用背景填补",
         "Please move the orange object in the centre to the right by 21% of the image width"),
        ("recolor", "把画面中央的橙色物体的颜色换成浅蓝色",
         "Replace the colour of the orange object in the centre with light blue"),
        ("background", "请使背景明显偏向冷色调，画面中央的橙色主体维持原样",
         "Give the background a noticeable cool tint without touching the orange subject in the centre"),
    ],
)  # fmt: skip
def test_golden_instructions_else_bump_the_plan_version(subtype: str, ch: str, en: str) -> None:
    assert instructions.write(drawn(subtype, 7), SUBJECT, *SIZE, 7) == (ch, en)


def test_every_colour_has_a_word_in_a_recolouring() -> None:
    for key, colour in colour_names.COLOURS.items():
        chinese, english = instructions.write(RECOLOR | {"colour": key}, SUBJECT, *SIZE, 1)
        assert colour.ch in chinese
        assert colour.en in english
