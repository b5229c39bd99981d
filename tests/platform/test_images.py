from __future__ import annotations

import io
import re
import struct
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from app.platform.images import MAX_BYTES, BadImage, logo


def picture(
    kind: str, size: tuple[int, int] = (700, 300), mode: str = "RGB", **options: Any
) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red" if mode.startswith("RGB") else 0).save(out, kind, **options)
    return out.getvalue()


def opened(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(raw))


def refusal(raw: bytes) -> str:
    with pytest.raises(BadImage) as caught:
        logo(raw)
    return caught.value.message


@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("JPEG", {}), ("GIF", {}), ("WEBP", {}), ("WEBP", {"lossless": True})],
)
def test_pictures_become_png_in_two_sizes(kind: str, options: dict[str, Any]) -> None:
    made = logo(picture(kind, **options))
    assert (opened(made.png).format, opened(made.png).size) == ("PNG", (512, 219))
    assert (opened(made.icon).format, opened(made.icon).size) == ("PNG", (100, 43))


def test_animated_webp_is_read() -> None:
    frames = [Image.new("RGBA", (40, 40), colour) for colour in ("red", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    assert out.getvalue()[12:16] == b"VP8X"
    assert opened(logo(out.getvalue()).png).size == (40, 40)


def test_small_pictures_are_not_enlarged() -> None:
    assert opened(logo(picture("PNG", (20, 30))).icon).size == (20, 30)


def test_transparency_is_kept() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(out, "PNG")
    assert opened(logo(out.getvalue()).png).mode == "RGBA"


def test_turned_photographs_stand_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert opened(logo(picture("JPEG", (300, 100), exif=exif)).png).size == (100, 300)


@pytest.mark.security
def test_only_pixels_remain() -> None:
    info = PngInfo()
    info.add_text("Comment", "<script>alert(1)</script>")
    noted = picture("PNG", pnginfo=info) + b"PK\x03\x04<script>alert(2)</script>"
    profiled = picture("JPEG", icc_profile=b"<script>alert(3)</script>", comment=b"<script>")
    for raw in (noted, profiled):
        made = logo(raw)
        kinds = re.findall(rb"IHDR|IDAT|IEND|iCCP|tEXt|eXIf", made.png)
        assert set(kinds) == {b"IHDR", b"IDAT", b"IEND"}
        assert b"script" not in made.png + made.icon
        assert b"PK\x03\x04" not in made.png + made.icon


@pytest.mark.security
def test_svg_is_refused_by_name() -> None:
    for raw in (b"<svg onload='x'/>", b"\n<?xml version='1.0'?><svg/>", b"<!DOCTYPE svg><svg>"):
        assert refusal(raw) == (
            "The picture is an SVG, which can carry scripts. "
            "Use a PNG, JPEG, GIF or WebP picture instead."
        )


@pytest.mark.security
@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "PDF", "PPM"])
def test_other_formats_are_refused(kind: str) -> None:
    assert refusal(picture(kind, (16, 16))).startswith("The file is not a picture.")


def _png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _webp_header(width: int, height: int) -> bytes:
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"WEBPVP8X" + struct.pack("<I", 10) + canvas
    return b"RIFF" + struct.pack("<I", len(body)) + body


@pytest.mark.security
@pytest.mark.parametrize("header", [_png_header, _webp_header])
def test_huge_pictures_are_refused_by_their_header(header: Any) -> None:
    assert refusal(header(30_000, 30_000)) == (
        "The picture is 30000 by 30000 pixels; the limit is 25 million."
    )


@pytest.mark.security
def test_large_files_are_refused() -> None:
    assert refusal(b"x" * (MAX_BYTES + 1)) == "The picture has 5242881 bytes; the limit is 5242880."


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_cut_pictures_are_refused_with_a_sentence(kind: str) -> None:
    raw = picture(kind)
    assert refusal(raw[: len(raw) // 2]).startswith("The ")


@given(st.sampled_from(["PNG", "JPEG", "GIF", "WEBP"]), st.data())
def test_damaged_pictures_are_read_or_refused(kind: str, data: st.DataObject) -> None:
    raw = bytearray(picture(kind, (12, 9)))
    for _ in range(3):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(BadImage):
        logo(bytes(raw))
