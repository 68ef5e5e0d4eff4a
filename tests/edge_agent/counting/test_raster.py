from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.counting.raster import Pages, count_pwg, count_urf
from tests.support.documents import a_pwg_raster, a_urf


@pytest.mark.parametrize("pages", [1, 2, 50])
def test_pages_of_pwg_raster_are_walked(pages: int) -> None:
    assert count_pwg(a_pwg_raster(pages)) == Pages(pages, 0)
    assert count_pwg(a_pwg_raster(pages, color_space=19)) == Pages(pages, None)


@pytest.mark.parametrize("claimed", [0, 1, 9000])
def test_pages_of_urf_are_walked_whatever_it_claims(claimed: int) -> None:
    assert count_urf(a_urf(3, claimed=claimed)) == Pages(3, 0)
    assert count_urf(a_urf(3, color_space=1)) == Pages(3, None)


@pytest.mark.parametrize(
    ("count", "whole"), [(count_pwg, a_pwg_raster(2)), (count_urf, a_urf(2))], ids=["pwg", "urf"]
)
def test_broken_raster_is_not_counted(count: Callable[[bytes], Pages], whole: bytes) -> None:
    page = (len(whole) - (4 if whole.startswith(b"RaS2") else 12)) // 2
    for cut in (0, 3, 12, 20, len(whole) - 1, len(whole) - page + 1):
        with pytest.raises(ValueError, match=r"no |half|page"):
            count(whole[:cut])
    with pytest.raises(ValueError, match="half a page header"):
        count(whole + b"\0")


def test_absurd_sizes_are_refused_before_they_cost_anything() -> None:
    page = bytearray(a_pwg_raster(1))
    page[4 + 376 : 4 + 380] = b"\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="far too large"):
        count_pwg(bytes(page))
    with pytest.raises(ValueError, match="far too large"):
        count_urf(a_urf(1)[:24] + b"\0" * 4 + a_urf(1)[28:])


@given(st.binary(max_size=200), st.sampled_from([b"RaS2", b"UNIRAST\0\0\0\0\1"]))
def test_noise_raises_a_value_error_and_nothing_else(noise: bytes, magic: bytes) -> None:
    count = count_pwg if magic == b"RaS2" else count_urf
    try:
        assert count(magic + noise).impressions > 0
    except ValueError:
        return
