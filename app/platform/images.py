"""Pictures from strangers: decoded within bounds and written anew, so that only pixels remain."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from app.errors import Invalid

MAX_BYTES = 5 * 1024 * 1024
MAX_PIXELS = 25_000_000
LOGO_SIDE = 512
ICON_WIDTH = 100
_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_EXPECTED = "Use a PNG, JPEG, GIF or WebP picture"

# The bound below is ours and stricter; Pillow's own would only warn before it.
Image.MAX_IMAGE_PIXELS = None


class BadImage(Invalid):
    """The file is not a picture that may be shown; the message says why."""


@dataclass(frozen=True)
class Logo:
    """A picture as PNG twice: at most 512 px a side, and 100 px wide."""

    png: bytes
    icon: bytes


def logo(raw: bytes) -> Logo:
    """Decode a picture and encode it anew in both sizes; smaller ones are not enlarged.

    Raises:
        BadImage: it is no PNG, JPEG, GIF or WebP, is damaged, or has too many bytes or pixels.
    """
    if len(raw) > MAX_BYTES:
        raise BadImage(f"The picture has {len(raw)} bytes; the limit is {MAX_BYTES}.")
    if raw.startswith(b"RIFF"):
        _bound(_webp_size(raw))  # Pillow allocates a WebP's canvas on opening it
    try:
        with Image.open(io.BytesIO(raw), formats=_FORMATS) as picture:
            _bound(picture.size)
            picture.load()
            upright = ImageOps.exif_transpose(picture).convert("RGBA")
    except UnidentifiedImageError as error:
        raise BadImage(_no_picture(raw)) from error
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, MemoryError) as error:
        raise BadImage(f"The picture is damaged and cannot be read. {_EXPECTED}.") from error
    large = _within(upright, LOGO_SIDE, LOGO_SIDE)
    # The icon is made from what is kept, so that the kept picture gives the same icon again.
    return Logo(_png(large), _png(_within(large, ICON_WIDTH, LOGO_SIDE)))


def _within(picture: Image.Image, width: int, height: int) -> Image.Image:
    small = picture.copy()
    small.thumbnail((width, height), Image.Resampling.LANCZOS)
    return small


def _png(small: Image.Image) -> bytes:
    if small.getchannel("A").getextrema() == (255, 255):
        small = small.convert("RGB")
    bare = Image.new(small.mode, small.size)  # leaves comments, profiles and the rest behind
    bare.paste(small)
    out = io.BytesIO()
    bare.save(out, "PNG", optimize=True)
    return out.getvalue()


def _bound(size: tuple[int, int]) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise BadImage(
            f"The picture is {width} by {height} pixels; the limit is {MAX_PIXELS // 10**6} million."
        )


def _no_picture(raw: bytes) -> str:
    start = raw[:1024].lstrip().lower()
    if b"<svg" in start or start.startswith(b"<?xml"):
        return f"The picture is an SVG, which can carry scripts. {_EXPECTED} instead."
    return f"The file is not a picture. {_EXPECTED}."


def _webp_size(raw: bytes) -> tuple[int, int]:
    """Read width and height from a WebP header.

    Source: RFC 9649, sections 2.5 (lossy), 2.6 (lossless) and 2.7 (extended).
    """
    kind, body = raw[12:16], raw[20:30]
    if len(body) == 10 and kind == b"VP8X":
        low = int.from_bytes(body[4:7], "little"), int.from_bytes(body[7:10], "little")
        return low[0] + 1, low[1] + 1
    if len(body) == 10 and kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(body) == 10 and kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    raise BadImage(f"The picture is damaged and cannot be read. {_EXPECTED}.")
