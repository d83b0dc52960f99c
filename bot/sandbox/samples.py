"""Pictures and files the sandbox draws itself, for customers who send something."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, UnidentifiedImageError


def drawn(title: str, *, size: tuple[int, int] = (640, 400)) -> bytes:
    """A small PNG with a title, standing for a picture that is not here."""
    image = Image.new("RGB", size, "#dfe7ee")
    pen = ImageDraw.Draw(image)
    pen.rectangle((20, 20, size[0] - 20, size[1] - 20), outline="#9fb1c1", width=3)
    pen.text((size[0] / 2, size[1] / 2), title, fill="#45586a", anchor="mm", font_size=26)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None where the bytes are no picture."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
            return image.size
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return None


def sample_document() -> bytes:
    """A one-page PDF, for customers who send a document."""
    out = io.BytesIO()
    page = Image.new("RGB", (595, 842), "white")
    pen = ImageDraw.Draw(page)
    pen.text((60, 70), "Fattura di prova", fill="#222222", font_size=28)
    for n in range(12):
        pen.line((60, 140 + n * 34, 535 - (n % 3) * 60, 140 + n * 34), fill="#c5ccd3", width=8)
    page.save(out, "PDF")
    return out.getvalue()


def sample_sticker() -> bytes:
    """A WEBP of 512 x 512: a smiling face."""
    image = Image.new("RGBA", (512, 512), (0, 0, 0, 0))
    pen = ImageDraw.Draw(image)
    pen.ellipse((40, 40, 472, 472), fill="#ffcf3f", outline="#d99a00", width=10)
    for x in (185, 327):
        pen.ellipse((x - 24, 175, x + 24, 240), fill="#4a3200")
    pen.arc((150, 170, 362, 382), 25, 155, fill="#4a3200", width=20)
    out = io.BytesIO()
    image.save(out, "WEBP")
    return out.getvalue()


@cache
def voice() -> bytes:
    """Two seconds of two soft tones, Ogg with Opus as voice messages are."""
    return Path(__file__).with_name("voice.ogg").read_bytes()
