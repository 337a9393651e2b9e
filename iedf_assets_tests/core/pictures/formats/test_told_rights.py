"""What photos' own metadata say of their rights, in every format that has such."""

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pillow_heif import from_pillow
from skimage import data

from iedf_assets.core.pictures.formats import told_rights as module
from iedf_assets.core.pictures.formats.told_rights import ToldRights, told_rights
from iedf_assets.core.sources.rights import embedded_rights

SAMPLE = Image.fromarray(data.astronaut()[20:110, 170:290].copy())
XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmpRights="http://ns.adobe.com/xap/1.0/rights/" xmlns:cc="http://creativecommons.org/ns#"
 xmpRights:WebStatement="https://example.org/about">
<cc:license rdf:resource="http://creativecommons.org/licenses/by-nc/4.0/"/>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Zoë\n 2026</rdf:li></rdf:Alt></dc:rights>
<dc:creator><rdf:Seq><rdf:li>Zoë</rdf:li><rdf:li>Ann</rdf:li></rdf:Seq></dc:creator>
</rdf:Description></rdf:RDF></x:xmpmeta>""".encode()
OF_XMP = {"licence": "CC-BY-NC-4.0", "author": "Zoë; Ann", "copyright": "© Zoë 2026"}


def saved(path: Path, **options: Any) -> dict[str, str] | None:
    """What a file says that was saved with such metadata."""
    if path.suffix == ".heic":
        from_pillow(SAMPLE).save(path, **options)
    else:
        SAMPLE.save(path, **options)
    return embedded_rights(told_rights(path))


def exif_block() -> Image.Exif:
    exif = Image.Exif()
    exif[0x8298], exif[0x013B] = "(c) Ann", "Ann"
    return exif


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.avif", "a.tif", "a.heic"])
def test_xmp_tells_licence_author_and_copyright(tmp_path: Path, name: str) -> None:
    options = {"tiffinfo": {700: XMP}} if name == "a.tif" else {"xmp": XMP}
    assert saved(tmp_path / name, **options) == OF_XMP


def test_xmp_of_a_png(tmp_path: Path) -> None:
    told = PngInfo()
    told.add_itxt("XML:com.adobe.xmp", XMP.decode())
    assert saved(tmp_path / "a.png", pnginfo=told) == OF_XMP


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_exif_tells_author_and_copyright(tmp_path: Path, name: str) -> None:
    assert saved(tmp_path / name, exif=exif_block()) == {"author": "Ann", "copyright": "(c) Ann"}


def test_xmp_goes_before_exif(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.jpg", exif=exif_block(), xmp=XMP) == OF_XMP


def test_iptc_tells_author_and_copyright_with_the_page_of_a_licence(tmp_path: Path) -> None:
    texts = {80: "Zoë", 116: "© Zoë, https://creativecommons.org/licenses/by/4.0/"}
    records = b"".join(
        bytes([0x1C, 2, tag]) + len(text.encode()).to_bytes(2, "big") + text.encode()
        for tag, text in texts.items()
    )
    resource = b"8BIM\x04\x04\0\0" + len(records).to_bytes(4, "big") + records + b"\0" * (len(records) % 2)
    block = b"Photoshop 3.0\0" + resource
    file = io.BytesIO()
    SAMPLE.save(file, "JPEG")
    jpeg = file.getvalue()
    segment = b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block
    (tmp_path / "a.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    assert embedded_rights(told_rights(tmp_path / "a.jpg")) == {
        "licence": "CC-BY-4.0", "author": "Zoë", "copyright": texts[116],
    }  # fmt: skip


def test_a_file_that_says_nothing_has_no_rights_told(tmp_path: Path) -> None:
    assert saved(tmp_path / "a.jpg") is None
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    assert told_rights(tmp_path / "b.jpg") == told_rights(tmp_path / "none.jpg") == ToldRights([], [], [], [])


def test_what_is_too_long_is_not_looked_at_and_texts_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x013B] = "n" * 5000
    assert saved(tmp_path / "a.jpg", exif=exif) == {"author": "n" * module.MAX_TEXT}
    monkeypatch.setattr(module, "MAX_BLOCK", len(XMP) - 1)
    assert saved(tmp_path / "a.jpg", xmp=XMP) is None


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=300), place=st.integers(0, len(XMP)))
def test_hostile_blocks_raise_nothing(tmp_path: Path, noise: bytes, place: int) -> None:
    saved(tmp_path / "a.jpg", xmp=XMP[:place] + noise + XMP[place:], exif=b"Exif\0\0" + noise)
    entities = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>' + XMP.replace(b"2026", b"&b;")
    assert saved(tmp_path / "a.jpg", xmp=entities) is None
