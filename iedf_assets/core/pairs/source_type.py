"""What results say of how they came about: IPTC's digital source type, in an XMP packet.

| what made the edit | type |
|---|---|
| a model: the edit, or what lies behind a moved or removed object | `compositeWithTrainedAlgorithmicMedia` |
| no model: pixels of the photo put elsewhere | `compositeCapture` |
| no model: other light, colour or sharpness | `algorithmicallyEnhanced` |
"""

from iedf_assets.core.profile.subtypes import Subtype

VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_NO_MODELS = frozenset({"classical", "mock"})
# A segmentation network finds what is there, and makes nothing.
_FINDING = _NO_MODELS | {"onnx"}
_PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmp:CreatorTool="Image Edit Dataset Factory"
 Iptc4xmpExt:DigitalSourceType="{vocabulary}{name}"/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


def source_type(subtype: Subtype, layered: str | None, edit: str) -> str:
    """The name of a result's type in the vocabulary.

    Args:
        layered, edit: the backends that split the photo, None for none, and that made the edit.
    """
    filled_by_model = subtype.needs == "layers" and layered is not None and layered not in _FINDING
    if edit not in _NO_MODELS or filled_by_model:
        return "compositeWithTrainedAlgorithmicMedia"
    return "compositeCapture" if subtype.needs == "layers" else "algorithmicallyEnhanced"


def packet(name: str | None) -> bytes:
    """The XMP packet that tells a type; empty for None."""
    return _PACKET.format(vocabulary=VOCABULARY, name=name).encode("utf-8") if name else b""
