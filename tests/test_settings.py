"""Settings out of the environment."""

from dataclasses import fields

import pytest
from pydantic import ValidationError

from gateway.core.limits import Limits
from gateway.settings import Settings, SettingsError, host_and_port, is_loopback, limits_from


def test_defaults_are_safe() -> None:
    """Loopback, no credentials; whether schemas are welcome is left to who serves."""
    settings = Settings()
    settings.check()
    assert (settings.host, settings.port, settings.tokens, settings.origins) == ("127.0.0.1", 8080, (), ())
    assert settings.inline_schemas is None


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists are separated by commas, white space around them is nothing."""
    environment = {"HOST": "0.0.0.0", "PORT": "80", "TOKENS": "a, b,,", "ORIGINS": "https://x", "MODEL": "m"}  # noqa: S104
    for name, value in environment.items():
        monkeypatch.setenv(f"GATEWAY_{name}", value)
    settings = Settings()
    settings.check()
    assert (settings.host, settings.port, settings.model) == ("0.0.0.0", 80, "m")  # noqa: S104
    assert (settings.tokens, settings.origins) == (("a", "b"), ("https://x",))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.org", ""])  # noqa: S104
def test_nobody_is_let_in_by_accident(host: str) -> None:
    """An address others can reach needs a credential; the message says what to set."""
    with pytest.raises(SettingsError, match="GATEWAY_TOKENS"):
        Settings(host=host).check()
    Settings(host=host, tokens=("t",)).check()


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost.org", False),
    ],
)
def test_loopback(host: str, is_so: bool) -> None:
    """What only this machine can reach."""
    assert is_loopback(host) is is_so


@pytest.mark.parametrize(
    "given", [{"port": "x"}, {"port": "-1"}, {"port": "65536"}, {"provider": "other"}, {"log_level": "loud"}]
)
def test_a_setting_of_another_form(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    """It is refused, by its name."""
    ((name, value),) = given.items()
    monkeypatch.setenv(f"GATEWAY_{name.upper()}", value)
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert refused.value.errors()[0]["loc"] == (name,)


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://App.example.org/", "https://app.example.org"),
        ("https://app.example.org:443", "https://app.example.org"),
        ("http://app.example.org:443", "http://app.example.org:443"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(given: str, origin: str) -> None:
    """In lower case, without a slash behind it, and without a port that the scheme implies."""
    assert Settings(origins=(given,)).origins == (origin,)


@pytest.mark.parametrize(
    "entry",
    [
        *("*", "null", "app.example.org", "localhost:8080", "//app.example.org", "https://"),
        *("ftp://app.example.org", "https://*.example.org", "https://app.example.org/page"),
        *("https://a@app.example.org", "https://app.example.org:x"),
    ],
)
def test_what_is_no_origin_is_refused(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    """By its entry in the list: as an origin it would let nobody in, without a word."""
    monkeypatch.setenv("GATEWAY_ORIGINS", f"https://fine.example.org, {entry}")
    with pytest.raises(ValidationError, match=r"expected scheme://host\[:port\]") as refused:
        Settings()
    assert (refused.value.errors()[0]["loc"], refused.value.errors()[0]["input"]) == (("origins", 1), entry)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_every_limit_can_be_set(name: str) -> None:
    """By its upper-cased name; the others stay."""
    limits = limits_from({f"GATEWAY_{name.upper()}": "7", "GATEWAY_OTHER": "x"})
    assert {field.name: getattr(limits, field.name) for field in fields(Limits)} == {
        **{field.name: getattr(Limits(), field.name) for field in fields(Limits)},
        name: 7,
    }


@pytest.mark.parametrize("value", ["", "many", "0", "-1", "1.5", "nan"])
def test_a_limit_that_is_no_number_above_zero(value: str) -> None:
    """The message names the variable and what came."""
    with pytest.raises(SettingsError, match=f"GATEWAY_MESSAGE_BYTES: expected a number.*got '{value}'"):
        limits_from({"GATEWAY_MESSAGE_BYTES": value})


def test_seconds_may_be_broken() -> None:
    """Counts may not."""
    assert limits_from({"GATEWAY_SEND_STALL_S": "0.5"}).send_stall_s == 0.5


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_seconds_are_a_number(value: str) -> None:
    """A deadline that never comes, or cannot be compared, is no limit."""
    with pytest.raises(SettingsError):
        limits_from({"GATEWAY_SEND_STALL_S": value})


@pytest.mark.parametrize(
    ("given", "parts"),
    [
        ("127.0.0.1:9090", ("127.0.0.1", 9090)),
        ("[::1]:0", ("::1", 0)),
        ("metrics.internal:65535", ("metrics.internal", 65_535)),
    ],
)
def test_an_address_to_listen_on(given: str, parts: tuple[str, int]) -> None:
    """A host and a port, in whatever way a host is written."""
    address = Settings(metrics_address=given).metrics_address
    assert address is not None
    assert host_and_port(address) == parts


@pytest.mark.parametrize("given", [":9090", "9090", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:9090", "a b:1"])
def test_what_is_no_address_is_refused(given: str) -> None:
    """Also a port alone, which would mean every address there is."""
    with pytest.raises(ValidationError, match="expected host:port"):
        Settings(metrics_address=given)
