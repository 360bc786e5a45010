import pytest

from postroad.errors import BadUrl
from postroad.remote.url import Endpoint, endpoint_of


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("postroad://broker", Endpoint("broker", 7420)),
        ("postroad://127.0.0.1:99", Endpoint("127.0.0.1", 99)),
        ("postroad://[::1]:99", Endpoint("::1", 99)),
        ("postroad://ada:a%40b@broker/", Endpoint("broker", 7420, "", "ada", "a@b")),
        ("postroad+unix:///data/postroad.sock", Endpoint(path="/data/postroad.sock")),
    ],
)
def test_an_address_has_a_host_and_a_port_or_a_path(url: str, endpoint: Endpoint) -> None:
    assert endpoint_of(url) == endpoint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker:7420",
        "http://broker",
        "postroad://",
        "postroad://broker:x",
        "postroad://broker/queue",
        "postroad://broker?a=b",
        "postroad+unix://data/postroad.sock",
        "postroad+unix://",
        "postroad://a..b",
        "postroad+unix:///a%00b",
    ],
)
def test_what_is_no_address_says_how_one_is_written(url: str) -> None:
    with pytest.raises(BadUrl, match="postroad://host:7420"):
        endpoint_of(url)


def test_a_password_is_never_shown() -> None:
    with pytest.raises(BadUrl) as raised:
        endpoint_of("http://ada:secret@broker")
    assert "secret" not in str(raised.value)
    assert "secret" not in endpoint_of("postroad://ada:secret@broker").shown()
