"""Pictures of people and images to send: always decoded and written anew, so that nothing else comes along."""

from __future__ import annotations

import colorsys
import hashlib
import io
import threading
import warnings

from PIL import Image, ImageDraw, ImageFont, ImageOps

MAX_BYTES = 8 * 1024 * 1024  # what platforms take for a face and for an image
MAX_PIXELS = 16_000_000  # a small file can unpack to gigabytes, and is copied on its way: up to 20 bytes a pixel
PHOTOGRAPH = 25_000_000  # pixels of a JPEG, which is read at about the size that is wanted
SIDE = 512  # pixels of a person's square picture
LONGEST_SIDE = 2048  # pixels of an image that is sent


_one_at_a_time = threading.Lock()


class NotAPicture(ValueError):
    """The upload cannot be used. `reason` is a key of the desk's texts: too_large, not_a_picture."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def square(data: bytes) -> bytes:
    """A square JPEG of SIDE pixels, cut around the middle. Raises NotAPicture."""
    return _jpeg(ImageOps.fit(_opened(data), (SIDE, SIDE), Image.Resampling.LANCZOS))


def fit_to_send(data: bytes) -> bytes:
    """A JPEG no larger than LONGEST_SIDE, without the place and the phone it was taken with. Raises NotAPicture."""
    return _jpeg(_opened(data))


def initials(name: str) -> bytes:
    """The picture of a person who has none yet: initials on a colour that is always the same for the name."""
    words = [word for word in name.split() if word[0].isalnum()]
    letters = "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"
    hue = hashlib.sha256(name.encode()).digest()[0] / 256
    image = Image.new("RGB", (SIDE, SIDE))
    draw = ImageDraw.Draw(image)
    for y in range(SIDE):
        red, green, blue = colorsys.hls_to_rgb(hue, 0.44 - 0.10 * y / SIDE, 0.42)
        draw.line([(0, y), (SIDE, y)], fill=(round(red * 255), round(green * 255), round(blue * 255)))
    font = ImageFont.load_default(size=SIDE * 0.42)
    draw.text((SIDE / 2, SIDE / 2), letters, font=font, fill="white", anchor="mm")
    return _jpeg(image)


def _opened(data: bytes) -> Image.Image:
    """Made small before anything else, and one at a time: several large ones together would end the service."""
    if len(data) > MAX_BYTES:
        raise NotAPicture("too_large")
    try:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limits are lower
            image = Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP", "GIF"))
            most = PHOTOGRAPH if image.format in ("JPEG", "MPO") else MAX_PIXELS  # MPO: of phones with two lenses
            if image.width * image.height > most:
                raise NotAPicture("too_large")
            image.draft(None, (LONGEST_SIDE, LONGEST_SIDE))
            small = _plain(image)
            small.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
            return _on_white(ImageOps.exif_transpose(small))
    except NotAPicture:
        raise
    except Exception:  # Pillow raises OSError, SyntaxError, ValueError, struct.error ... on broken files
        raise NotAPicture("not_a_picture") from None


def _plain(image: Image.Image) -> Image.Image:
    """The same with colours that can be made smaller; as it is where they can be."""
    if image.mode in ("P", "PA", "LA"):
        return image.convert("RGBA")
    return image if image.mode in ("RGB", "RGBA", "L", "CMYK") else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGBA":
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88, optimize=True)
    return out.getvalue()
