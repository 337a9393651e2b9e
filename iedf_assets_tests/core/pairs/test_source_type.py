"""What results say of how they came about, and that nothing else of their files changes."""

import io

import pytest
from PIL import Image
from skimage import data

from iedf_assets.core.pairs.source_type import VOCABULARY, packet, source_type
from iedf_assets.core.pictures.codecs import decode_jpeg, encode_jpeg
from iedf_assets.core.profile.loading import load_profile
from iedf_assets.core.profile.sections import Encoding
from iedf_assets.core.profile.subtypes import SUBTYPES
from iedf_assets.core.storage.keys import Keys

MODEL = "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize(
    ("subtype", "layered", "edit", "name"),
    [
        ("move", "onnx", "classical", "compositeCapture"),
        ("delete", "classical", "classical", "compositeCapture"),
        ("delete", "diffusers", "classical", MODEL),
        ("recolor", "diffusers", "classical", "algorithmicallyEnhanced"),
        ("brightness", None, "classical", "algorithmicallyEnhanced"),
        ("replace", "onnx", "diffusers", MODEL),
        ("restyle", None, "plugin:mine", MODEL),
    ],
)
def test_the_type_says_whether_a_model_made_anything_of_it(
    subtype: str, layered: str | None, edit: str, name: str
) -> None:
    assert source_type(SUBTYPES[subtype], layered, edit) == name


def test_a_packet_is_read_back_and_changes_no_pixel() -> None:
    rgb = data.coffee()
    plain, marked = encode_jpeg(rgb, 90), encode_jpeg(rgb, 90, packet(MODEL))
    assert (decode_jpeg(plain) == decode_jpeg(marked)).all()
    with Image.open(io.BytesIO(marked)) as picture:
        told = picture.getxmp()["xmpmeta"]["RDF"]["Description"]
    assert told["DigitalSourceType"] == VOCABULARY + MODEL
    assert encode_jpeg(rgb, 90, packet(None)) == plain


def test_pairs_that_say_nothing_have_the_keys_that_they_ever_had() -> None:
    assert Encoding().identity() == {"jpeg_quality": 95, "margin": 0.015, "feather": 0.6}
    profiles = [load_profile(settings=[f"encoding.digital_source_type={on}"]) for on in ("false", "true")]
    before, after = (Keys(one, one.category("物理变化")).slots("abc")[0] for one in profiles)
    assert before.edit_key == after.edit_key
    assert before.pair_key != after.pair_key
