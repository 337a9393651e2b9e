import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_envs.services.errors import ServiceError
from model_envs.services.web.packing import unpacked


@given(data=st.binary(max_size=300))
def test_base64_comes_back_as_it_was(data: bytes) -> None:
    assert unpacked(base64.b64encode(data).decode(), "x") == data


@pytest.mark.parametrize("text", ["a", "====", "é", "data:image/png;base64,AAAA", "AA AA"])
def test_what_is_no_base64_is_refused(text: str) -> None:
    with pytest.raises(ServiceError):
        unpacked(text, "image_b64")
