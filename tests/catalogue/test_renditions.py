"""Pictures as pages show them: small, in modern formats, with nothing of the file but what is seen."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageCms

from outreach.catalogue import renditions
from outreach.catalogue.pictures import PictureFault
from outreach.catalogue.renditions import look, rendition


def photo(folder: Path, size: tuple[int, int] = (1600, 900), **saving: object) -> str:
    """Write a JPEG whose left half is red and whose right half is blue."""
    (folder / "pictures").mkdir(exist_ok=True)
    image = Image.new("RGB", size, "#0000ff")
    image.paste("#ff0000", (0, 0, size[0] // 2, size[1]))
    image.save(folder / "pictures" / "foto.jpg", "JPEG", quality=95, **saving)
    return "pictures/foto.jpg"


def test_each_width_and_kind_is_made_once_and_smaller_than_the_original(tmp_path: Path) -> None:
    shown = look(tmp_path, photo(tmp_path))
    assert shown is not None
    assert (shown.width, shown.height, shown.widths) == (1600, 900, (320, 640, 960, 1280))
    assert shown.kinds == ("avif", "webp", "jpg")
    original = (tmp_path / "pictures" / "foto.jpg").stat().st_size
    for kind in shown.kinds:
        for width in shown.widths:
            file = rendition(tmp_path, shown, width, kind)
            with Image.open(file) as image:
                assert image.size == (width, width * 9 // 16)
                assert image.format == renditions.KINDS[kind][0]
            assert file.stat().st_size < original
            made = file.stat().st_mtime_ns
            assert rendition(tmp_path, shown, width, kind).stat().st_mtime_ns == made


def test_exif_goes_after_its_turning_is_obeyed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise
    exif[0x010F] = "Ann's telefoon"
    exif.get_ifd(0x8825)[2] = (51.0, 3.0, 0.0)
    shown = look(tmp_path, photo(tmp_path, (800, 400), exif=exif))
    assert shown is not None
    assert (shown.width, shown.height) == (400, 800)
    for kind in shown.kinds:
        data = rendition(tmp_path, shown, 320, kind).read_bytes()
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (320, 640)
            assert not image.getexif()
            top, bottom = image.convert("RGB").getpixel((160, 20)), image.convert("RGB").getpixel((160, 620))
        assert top[0] > 200 > 60 > top[2]  # type: ignore[index]
        assert bottom[2] > 200 > 60 > bottom[0]  # type: ignore[index]
        assert b"telefoon" not in data
        assert b"Exif" not in data or kind == "avif"


def test_colours_are_brought_to_srgb_and_the_profile_is_dropped(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    shown = look(tmp_path, photo(tmp_path, (400, 200), icc_profile=profile))
    assert shown is not None
    with Image.open(rendition(tmp_path, shown, 320, "jpg")) as image:
        assert "icc_profile" not in image.info
        assert image.getpixel((20, 20))[0] > 230  # type: ignore[index]


def test_a_small_picture_is_not_made_larger(tmp_path: Path) -> None:
    shown = look(tmp_path, photo(tmp_path, (200, 100)))
    assert shown is not None
    assert shown.widths == (200,)


def test_a_changed_file_gets_another_version(tmp_path: Path) -> None:
    before = look(tmp_path, photo(tmp_path, (640, 360)))
    after = look(tmp_path, photo(tmp_path, (640, 480)))
    assert before is not None
    assert after is not None
    assert before.version != after.version


def test_a_bomb_a_damaged_file_and_a_way_out_are_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    Image.new("L", (30_000, 30_000)).save(tmp_path / "pictures" / "bom.png")
    (tmp_path / "pictures" / "geen.jpg").write_bytes(b"\xff\xd8\xff" + b"x" * 500)
    for name in ("pictures/bom.png", "pictures/geen.jpg", "../foto.jpg", "/etc/passwd", "weg.png", "\0", "", None):
        assert look(tmp_path, name) is None, name


def test_a_file_cut_off_after_its_head_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    name = photo(tmp_path)
    shown = look(tmp_path, name)
    assert shown is not None
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(PictureFault):
        rendition(tmp_path, shown, 640, "webp")


def test_what_is_kept_on_disk_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(renditions, "MAX_KEPT", 6_000)
    shown = look(tmp_path, photo(tmp_path))
    assert shown is not None
    for kind in shown.kinds:
        for width in shown.widths:
            newest = rendition(tmp_path, shown, width, kind)
            assert newest.exists()
    kept = list((tmp_path / ".state" / "pictures").iterdir())
    assert sum(file.stat().st_size for file in kept) <= 6_000 + newest.stat().st_size
