import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_envs.services.errors import ServiceError
from model_envs.services.web.packing import unpacked


@given(data=st.binary(max_size=300))
def test_base64_comes_back_as_it_was(data: bytes) -> None:
    assert unpacked(base64.b64encode(data).decode(), "x") == data


@given(data=st.binary(min_size=1, max_size=300))
def test_base64_as_browsers_and_shells_write_it_is_taken(data: bytes) -> None:
    plain = base64.b64encode(data).decode()
    forms = [
        f"data:image/png;base64,{plain}", f"data:image/png;charset=x;base64,{plain}",
        base64.encodebytes(data).decode(), plain.replace("\n", "\r\n") + "\r\n",
        base64.urlsafe_b64encode(data).decode(), plain.rstrip("="),
    ]  # fmt: skip
    assert [unpacked(text, "x") for text in forms] == [data] * len(forms)


@pytest.mark.parametrize("text", ["a", "é", "AA*A", "data:image/png,AAAA", "data:image/png;base64", "AA=A"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ServiceError):
        unpacked(text, "image_b64")
