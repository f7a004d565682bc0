"""Names, kinds and addresses of sources."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.exceptions import UsageError, VideoError
from detector.video.sources import Kind, kind_of, parse_sources, redact


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        pytest.param("0", Kind.WEBCAM, id="index"),
        pytest.param("/dev/video2", Kind.WEBCAM, id="device"),
        pytest.param("rtsp://10.0.0.7/live", Kind.STREAM, id="rtsp"),
        pytest.param("RTSP://10.0.0.7/live", Kind.STREAM, id="capitals"),
        pytest.param("http://cam/video.cgi?x=1.mp4", Kind.STREAM, id="mjpeg"),
        pytest.param("https://host/clip.MP4?sig=1", Kind.FILE, id="file-on-the-web"),
        pytest.param("frames/*.png", Kind.PICTURES, id="pattern"),
    ],
)
def test_kinds(address, kind):
    assert kind_of(address) is kind


def test_kinds_on_disk(make_clip, astronaut, tmp_path):
    assert kind_of(str(make_clip(2))) is Kind.FILE
    assert kind_of(str(tmp_path)) is Kind.PICTURES
    assert kind_of(str(astronaut)) is Kind.PICTURES


@pytest.mark.parametrize(
    ("address", "error"),
    [
        pytest.param("nothing.mp4", VideoError, id="no-file"),
        pytest.param("gopher://host/x", UsageError, id="unknown-scheme"),
    ],
)
def test_what_is_no_source(address, error):
    with pytest.raises(error):
        kind_of(address)


def test_names(make_clip):
    clip = str(make_clip(2))
    sources = parse_sources([clip, clip, f"door={clip}", "0", "rtsp://a:b@cam.local/x", "hall=1"])
    names = [source.name for source in sources]
    assert names == ["clip", "clip-2", "door", "camera0", "cam.local", "hall"]
    assert [source.live for source in sources] == [False, False, False, True, True, True]


def test_a_url_with_equals_signs_is_no_name():
    (source,) = parse_sources(["http://cam/live?user=a&pwd=b"])
    assert source.name == "cam"
    (source,) = parse_sources(["yard=http://cam/live?user=a&pwd=b"])
    assert (source.name, source.address) == ("yard", "http://cam/live?user=a&pwd=b")


def test_a_file_whose_name_has_an_equals_sign(make_clip):
    path = make_clip(2, name="a=b.mp4")
    assert parse_sources([str(path)])[0].address == str(path)


def test_one_name_twice():
    with pytest.raises(UsageError, match="'door' twice"):
        parse_sources(["door=0", "door=1"])


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        pytest.param("rtsp://u:p@host:554/a", "rtsp://***@host:554/a", id="plain"),
        pytest.param("rtsp://u:p@ss/w?r#d@host/a", "rtsp://***@host/a", id="signs-in-password"),
        pytest.param("http://host/a?token=1", "http://host/a?***", id="query"),
        pytest.param("http://host/a#x", "http://host/a?***", id="fragment"),
        pytest.param("rtsp://host/a", "rtsp://host/a", id="nothing-to-hide"),
        pytest.param("folder/a@b?.png", "folder/a@b?.png", id="path"),
    ],
)
def test_redacted(address, shown):
    assert redact(address) == shown


SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20)


@given(SECRET.map(lambda text: f"Qx7{text}"))
def test_no_password_is_ever_shown(password):
    (source,) = parse_sources([f"rtsp://admin:{password}@10.0.0.7:554/live?key={password}"])
    for text in (source.name, source.shown):
        assert password not in text
        assert "Qx7" not in text
        # A "@" in the query hides the host as well: better too much than too little.
        assert "10.0.0.7" in text or "@" in password
