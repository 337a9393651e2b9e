"""The phrase bank: how each edit can be asked for, in Chinese (`ch`) and English (`en`).

Fields: `{it}` the object with its article and place; `{direction}`, `{percent}`, `{change}` (by how much it
grows or shrinks), `{colour}`; and the words of `STRENGTHS`.
"""

from itertools import product
from typing import Literal

from iedf_assets.core.profile.bank import bank

Language = Literal["ch", "en"]

PLACES: dict[Language, tuple[tuple[str, str, str], ...]] = {
    "en": (
        ("in the upper left", "at the top", "in the upper right"),
        ("on the left", "in the centre", "on the right"),
        ("in the lower left", "at the bottom", "in the lower right"),
    ),
    "ch": (
        ("画面左上方", "画面上方", "画面右上方"),
        ("画面左侧", "画面中央", "画面右侧"),
        ("画面左下方", "画面下方", "画面右下方"),
    ),
}

DIRECTIONS: dict[Language, dict[str, str]] = {
    "en": {"left": "to the left", "right": "to the right", "up": "upwards", "down": "downwards"},
    "ch": {"left": "左", "right": "右", "up": "上", "down": "下"},
}

# English: with a comparative, as an adverb, as an adjective with its article.
STRENGTHS: dict[Language, dict[str, dict[str, str]]] = {
    "en": {
        "slight": {"more": "slightly", "degree": "slightly", "some": "a slight"},
        "clear": {"more": "noticeably", "degree": "noticeably", "some": "a noticeable"},
        "strong": {"more": "much", "degree": "strongly", "some": "a strong"},
    },
    "ch": {
        "slight": {"degree": "略微"},
        "clear": {"degree": "明显"},
        "strong": {"degree": "大幅"},
    },
}


def _combined(frames: tuple[str, ...], cores: tuple[str, ...]) -> tuple[str, ...]:
    """Every core, lower case, in every frame."""
    return tuple(frame.replace("{core}", core) for frame, core in product(frames, cores))


def _moves(noun: str) -> tuple[str, ...]:
    return tuple(
        phrase.replace("{length}", f"{{percent}} % of the image {noun}")
        for phrase in (
            "move {it} {direction} by {length}",
            "shift {it} {direction} by {length}",
            "move {it} by {length} {direction}",
            "take {it} and place it {length} further {direction}",
            "slide {it} {direction} by {length} and fill in the place it leaves",
            "relocate {it} {direction} by {length}, keeping its size and appearance",
            "displace {it} {direction} by {length} and leave everything else as it is",
            "please move {it} {direction} by {length}",
            "change the position of {it}: {length} {direction}",
            "move {it} {direction}, by {length}, and restore the background behind it",
        )
    )


def _moves_ch(noun: str) -> tuple[str, ...]:
    return tuple(
        phrase.replace("{length}", f"画面{noun}的 {{percent}}%").replace("{to}", "向{direction}")
        for phrase in (
            "将{it}{to}移动{length}",
            "把{it}{to}平移{length}",
            "请将{it}{to}移动{length}",
            "把{it}{to}挪动{length}，其他内容保持不变",
            "将{it}{to}移动{length}，并补全原来位置的背景",
            "让{it}{to}移动{length}，大小和外观不变",
            "调整{it}的位置，{to}移动{length}",
            "将{it}整体{to}平移{length}",
            "把{it}的位置{to}移动{length}，原处用背景填补",
        )
    )


_IDENTITY_FRAMES = (
    "{core}",
    "{core} and leave the background as it is",
    "{core} without changing its shape or position",
    "please {core}",
    "{core}, keeping everything around it unchanged",
)
_IDENTITY_FRAMES_CH = (
    "{core}",
    "{core}，背景保持不变",
    "请{core}",
    "{core}，形状和位置不变",
    "{core}，画面其他部分不变",
)
_BACKGROUND_FRAMES = (
    "{core} while {it} stays exactly as it is",
    "{core} and keep {it} unchanged",
    "{core} without touching {it}",
    "keeping {it} as it is, {core}",
)
_BACKGROUND_FRAMES_CH = (
    "{core}，{it}保持不变",
    "保持{it}不变，{core}",
    "{core}，不要改动{it}",
    "请{core}，{it}维持原样",
)

_RELIGHT = {
    f"identity/relight_{side}": (
        f"light {{it}} {{degree}} from {place}",
        f"relight {{it}} {{degree}} with light coming from {place}",
        f"add {{some}} light from {place} to {{it}}",
        f"give {{it}} {{some}} light from {place}",
    )
    for side, place in {"left": "the left", "right": "the right", "above": "above"}.items()
}
_RELIGHT_CH = {
    f"identity/relight_{side}": (
        f"从{place}照亮{{it}}，使其明暗{{degree}}变化",
        f"为{{it}}加上来自{place}的光线，使光影{{degree}}变化",
        f"让{{it}}受到来自{place}的光照，明暗{{degree}}改变",
        f"用{place}的光源重新照亮{{it}}，光影{{degree}}改变",
    )
    for side, place in {"left": "左侧", "right": "右侧", "above": "上方"}.items()
}


def _tones(thing: str) -> dict[str, tuple[str, ...]]:
    return {
        "warm": (
            f"make {thing} {{more}} warmer in tone",
            f"shift the tones of {thing} {{degree}} towards warm",
            f"give {thing} {{some}} warm tint",
        ),
        "cool": (
            f"make {thing} {{more}} cooler in tone",
            f"shift the tones of {thing} {{degree}} towards cool",
            f"give {thing} {{some}} cool tint",
        ),
        "brighten": (
            f"make {thing} {{more}} brighter",
            f"brighten {thing} {{degree}}",
            f"give {thing} {{some}} increase in brightness",
        ),
        "darken": (
            f"make {thing} {{more}} darker",
            f"darken {thing} {{degree}}",
            f"give {thing} {{some}} decrease in brightness",
        ),
    }


_CONTRAST = {
    "identity/contrast": (
        "increase the contrast of {it} {degree}",
        "make {it} {more} richer in contrast",
        "give {it} {some} increase in contrast",
    )
}
_CONTRAST_CH = {
    "identity/contrast": (
        "将{it}的对比度{degree}提高",
        "{degree}增强{it}的对比度",
        "让{it}的明暗对比{degree}增强",
    )
}


def _tones_ch(thing: str) -> dict[str, tuple[str, ...]]:
    return {
        "warm": (
            f"将{thing}的色调{{degree}}调暖",
            f"让{thing}的颜色{{degree}}偏暖",
            f"使{thing}{{degree}}偏向暖色调",
        ),
        "cool": (
            f"将{thing}的色调{{degree}}调冷",
            f"让{thing}的颜色{{degree}}偏冷",
            f"使{thing}{{degree}}偏向冷色调",
        ),
        "brighten": (
            f"将{thing}{{degree}}调亮",
            f"{{degree}}提高{thing}的亮度",
            f"让{thing}{{degree}}变亮",
        ),
        "darken": (
            f"将{thing}{{degree}}调暗",
            f"{{degree}}降低{thing}的亮度",
            f"让{thing}{{degree}}变暗",
        ),
    }


_BACKGROUNDS = {
    **_tones("the background"),
    "defocus": (
        "blur the background {degree}",
        "put the background {degree} out of focus",
        "give the background {some} blur",
    ),
    "desaturate": (
        "desaturate the background {degree}",
        "make the colours of the background {more} paler",
        "give the background {some} loss of colour",
    ),
}
_BACKGROUNDS_CH = {
    **_tones_ch("背景"),
    "defocus": ("将背景{degree}虚化", "让背景{degree}变模糊", "{degree}模糊背景"),
    "desaturate": ("{degree}降低背景的饱和度", "让背景的颜色{degree}变淡", "将背景的色彩{degree}减弱"),
}


def _of_the_bank(language: Language) -> dict[str, tuple[str, ...]]:
    """What only a model can do, as `configs/edits.yaml` has it."""
    return {
        f"{name}/{kind}": getattr(entry.phrases(kind), language)
        for name, entry in bank().items()
        for kind in entry.kinds
    }


PHRASES: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        **_of_the_bank("en"),
        "move/horizontal": _moves("width"),
        "move/vertical": _moves("height"),
        "scale/larger": (
            "enlarge {it} to {percent} % of its size",
            "scale {it} up to {percent} %",
            "make {it} {change} % larger",
            "increase the size of {it} by {change} %",
            "resize {it} to {percent} % of its present size",
            "enlarge {it} by {change} %, keeping its proportions",
            "please make {it} {change} % bigger",
            "let {it} grow to {percent} % of its size and leave the rest as it is",
        ),
        "scale/smaller": (
            "shrink {it} to {percent} % of its size",
            "scale {it} down to {percent} %",
            "make {it} {change} % smaller",
            "reduce the size of {it} by {change} %",
            "resize {it} to {percent} % of its present size",
            "shrink {it} by {change} %, keeping its proportions",
            "please make {it} {change} % smaller and fill in the background",
            "let {it} shrink to {percent} % of its size and leave the rest as it is",
        ),
        "delete": (
            "remove {it}",
            "delete {it} and fill in the background",
            "erase {it} from the picture",
            "take {it} out of the picture",
            "please remove {it}",
            "remove {it} and restore what is behind it",
            "make {it} disappear",
            "clear away {it}, leaving the rest as it is",
            "edit out {it}",
        ),
        "recolor": (
            "change the colour of {it} to {colour}",
            "recolour {it} in {colour}",
            "make {it} look {colour}",
            "turn the colour of {it} into {colour}",
            "give {it} the colour {colour}",
            "please recolour {it} in {colour}, keeping its shading and texture",
            "repaint {it} in {colour} and leave everything else as it is",
            "replace the colour of {it} with {colour}",
            "switch the colour of {it} to {colour}",
        ),
        **{key: _combined(_IDENTITY_FRAMES, cores) for key, cores in (_RELIGHT | _CONTRAST).items()},
        **{f"identity/{kind}": _combined(_IDENTITY_FRAMES, cores) for kind, cores in _tones("{it}").items()},
        **{
            f"background/{kind}": _combined(_BACKGROUND_FRAMES, cores) for kind, cores in _BACKGROUNDS.items()
        },
    },
    "ch": {
        **_of_the_bank("ch"),
        "move/horizontal": _moves_ch("宽度"),
        "move/vertical": _moves_ch("高度"),
        "scale/larger": (
            "将{it}放大到原来的 {percent}%",
            "把{it}放大至 {percent}%",
            "将{it}放大 {change}%",
            "把{it}的尺寸增大 {change}%",
            "请将{it}放大 {change}%，比例不变",
            "将{it}等比例放大到 {percent}%",
            "让{it}变大 {change}%，其他内容保持不变",
            "把{it}的大小调整为原来的 {percent}%",
        ),
        "scale/smaller": (
            "将{it}缩小到原来的 {percent}%",
            "把{it}缩小至 {percent}%",
            "将{it}缩小 {change}%",
            "把{it}的尺寸减小 {change}%",
            "请将{it}缩小 {change}%，比例不变",
            "将{it}等比例缩小到 {percent}%，并补全背景",
            "让{it}变小 {change}%，其他内容保持不变",
            "把{it}的大小调整为原来的 {percent}%",
        ),
        "delete": (
            "移除{it}",
            "删除{it}并补全背景",
            "将{it}从画面中去掉",
            "把{it}擦除",
            "请去除{it}",
            "去掉{it}，还原其后的背景",
            "让{it}消失",
            "清除{it}，其余部分保持不变",
            "抹去{it}",
        ),
        "recolor": (
            "将{it}的颜色改为{colour}",
            "把{it}变成{colour}",
            "将{it}重新上色为{colour}",
            "给{it}换成{colour}",
            "请把{it}改成{colour}，保留明暗和纹理",
            "让{it}呈现{colour}",
            "把{it}染成{colour}",
            "将{it}调整为{colour}，其他内容保持不变",
            "把{it}的颜色换成{colour}",
        ),
        **{key: _combined(_IDENTITY_FRAMES_CH, cores) for key, cores in (_RELIGHT_CH | _CONTRAST_CH).items()},
        **{
            f"identity/{kind}": _combined(_IDENTITY_FRAMES_CH, cores)
            for kind, cores in _tones_ch("{it}").items()
        },
        **{
            f"background/{kind}": _combined(_BACKGROUND_FRAMES_CH, cores)
            for kind, cores in _BACKGROUNDS_CH.items()
        },
    },
}
