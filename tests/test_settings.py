"""Settings come from the environment, then from a file; what nobody knows is not passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.cli.frame import BadSetting, read_settings
from app.settings import FileUnusable, Settings


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that the environment names, and nothing else that it sets."""
    for name in ("DATABASE_URL", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WINNOW_HOME", str(tmp_path))
    return tmp_path


def test_the_file_in_the_home_folder_is_read(home: Path) -> None:
    (home / "winnow.toml").write_text(
        'database_url = "sqlite:////elsewhere/winnow.db"\nport = 9000\nworkers = 3\n'
        'allowed_hosts = ["Winnow.example", "other"]\nimport_roots = ["~/pictures"]\nplanted_per_page = 0\n'
    )
    settings = Settings()
    assert (settings.database, settings.port, settings.workers) == ("sqlite:////elsewhere/winnow.db", 9000, 3)
    assert settings.import_roots == (Path.home() / "pictures",)
    assert (settings.allowed_hosts, settings.planted_per_page) == (("winnow.example", "other"), 0)


@pytest.mark.parametrize("name", ["WINNOW_DATABASE_URL", "DATABASE_URL"])
def test_the_environment_goes_before_the_file(home: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (home / "winnow.toml").write_text('database_url = "sqlite:////file.db"\nport = 9000\nworkers = 3\n')
    monkeypatch.setenv(name, "sqlite:////environment.db")
    monkeypatch.setenv("PORT", "9001")
    settings = Settings()
    assert (settings.database, settings.port, settings.workers) == ("sqlite:////environment.db", 9001, 3)
    assert Settings(port=9002).port == 9002


def test_another_file_may_be_named_and_may_say_where_home_is(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = home / "elsewhere.toml"
    file.write_text('home = "/srv/winnow"')
    monkeypatch.setenv("WINNOW_CONFIG", str(file))
    assert Settings().home == home, "the environment says so"
    monkeypatch.delenv("WINNOW_HOME")
    assert Settings().home == Path("/srv/winnow")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("prot = 8000", "sets what Winnow does not know: prot"),
        ("[server]\nport = 8000", "sets what Winnow does not know: server"),
        ("port = ", "is no TOML"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(home: Path, text: str, told: str) -> None:
    (home / "winnow.toml").write_text(text)
    with pytest.raises(FileUnusable, match=told):
        Settings()
    with pytest.raises(BadSetting, match=told):
        read_settings()


def test_a_value_that_cannot_be_used_is_told_by_its_name(home: Path) -> None:
    (home / "winnow.toml").write_text('workers = "many"')
    with pytest.raises(ValidationError):
        Settings()
    with pytest.raises(BadSetting, match=r"^The setting workers cannot be used"):
        read_settings()


@pytest.mark.parametrize(
    ("proxies", "told"),
    [
        ("*", "“[*]” is everybody; name the proxies themselves.$"),
        ("127.0.0.1, ::/0", "“::/0” is everybody"),
        ("127.0.0.l", "“127.0.0.l” is no address, such as 192.0.2.7, nor a network"),
        ("192.0.2.7/24", "“192.0.2.7/24” is no address"),
    ],
)
def test_proxies_are_named_one_by_one(monkeypatch: pytest.MonkeyPatch, proxies: str, told: str) -> None:
    monkeypatch.setenv("WINNOW_TRUSTED_PROXIES", proxies)
    with pytest.raises(BadSetting, match=f"^The setting trusted_proxies cannot be used: {told}"):
        read_settings()
    monkeypatch.setenv("WINNOW_TRUSTED_PROXIES", "127.0.0.1, 2001:DB8::/32")
    assert read_settings().trusted_proxies == ("127.0.0.1", "2001:db8::/32")


def test_a_file_that_is_named_has_to_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_CONFIG", "/nope/winnow.toml")
    with pytest.raises(BadSetting, match="there is no such file"):
        read_settings()
