"""What the project promises around its code: commands that exist, settings that are explained, a safe start."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from app.main import create_app
from app.settings import Settings

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text()
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CHANGELOG.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
COMPOSE = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if name != "db"}


def test_operators_find_every_setting_and_no_other() -> None:
    page = (REPOSITORY / "docs" / "operators.md").read_text()
    explained = set(re.findall(r"^\| `(WINNOW_\w+)`", page, re.M))
    assert explained == {f"WINNOW_{name.upper()}" for name in Settings.model_fields}
    (file,) = re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S)
    assert set(tomllib.loads(file)) == set(Settings.model_fields)
    Settings(**tomllib.loads(file))


def test_the_api_page_lists_every_operation_and_no_other(tmp_path: Path) -> None:
    listed = re.findall(r"^\| (\w+) \| `(/api/\S+)`", (REPOSITORY / "docs" / "api.md").read_text(), re.M)
    paths = create_app(Settings(home=tmp_path, database_url="")).openapi()["paths"]
    assert sorted(listed) == sorted((method.upper(), path) for path, methods in paths.items() for method in methods)


def test_the_guides_name_only_commands_that_exist() -> None:
    commands = [
        line for page in PAGES for line in re.findall(r"(?:`|^|&& )winnow ([a-z][\w-]+)", page.read_text(), re.M)
    ]
    assert set(commands) <= set(winnow_help())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)#]*)(#[^)]*)?\)", page.read_text())
    for target, anchor in targets:
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), target
        if anchor:
            assert anchor.removeprefix("#") in anchors(file), target + anchor


def test_a_newcomer_finds_every_room_in_the_readme() -> None:
    rooms = [path.parent.name for path in (REPOSITORY / "app").glob("*/__init__.py")]
    assert [room for room in rooms if f"{room}/" not in README] == []


@pytest.mark.parametrize("target", ["run", "test", "test-base", "check", "format", "clean"])
def test_make_knows(target: str) -> None:
    listed = make("help").splitlines()
    assert any(line.split()[0] == target for line in listed)
    assert make("--dry-run", target)


def test_make_alone_lists_what_can_be_made() -> None:
    assert make() == make("help")


def test_a_folder_with_blanks_and_quotes_reaches_winnow_whole() -> None:
    assert 'quickstart ${POOL:+"$POOL"}' in make("--dry-run", "run", 'POOL=/my "own" pictures')


def test_continuous_integration_runs_the_tests_that_people_run() -> None:
    script = REPOSITORY / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert script.read_text().splitlines()[-1] == "make test"


def test_every_dependency_has_a_tested_version_that_fits() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    tested = dict(line.split("==") for line in lines if not line.startswith("#"))
    extras = [line for name, lines in PROJECT["optional-dependencies"].items() if name != "gpu" for line in lines]
    wanted = [Requirement(line) for line in PROJECT["dependencies"] + extras]
    for requirement in wanted:
        if requirement.name != PROJECT["name"]:
            version = {name.lower(): version for name, version in tested.items()}[requirement.name]
            assert requirement.specifier.contains(version), requirement


def test_the_base_holds_no_torch() -> None:
    base = {Requirement(line).name for line in PROJECT["dependencies"]}
    assert not base & {"torch", "torchvision", "lightly", "pytorch-lightning", "psycopg", "scikit-learn"}


def test_containers_are_reached_from_this_machine_alone() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:${PORT:-8000}:8000"]
    assert all(service["environment"]["WINNOW_TRUST_LOCAL"] == "1" for service in OURS.values())


def test_containers_have_one_worker_that_the_server_did_not_start() -> None:
    assert all(service["environment"]["WINNOW_START_WORKER"] == "0" for service in OURS.values())
    assert OURS["worker"]["command"] == OURS["worker-gpu"]["command"] == ["winnow", "worker"]
    assert OURS["worker-gpu"]["profiles"] == ["gpu"]


def test_containers_wait_until_what_they_need_is_well() -> None:
    assert OURS["app"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    assert OURS["worker"]["depends_on"] == {"app": {"condition": "service_healthy"}}
    assert "/api/v1/health/ready" in OURS["app"]["healthcheck"]["test"][-1]
    assert "pg_isready" in COMPOSE["services"]["db"]["healthcheck"]["test"][-1]


def test_containers_keep_what_matters_in_volumes_and_cannot_write_to_the_pictures() -> None:
    mounts = [mount for service in COMPOSE["services"].values() for mount in service["volumes"]]
    named = {mount.partition(":")[0] for mount in mounts if not mount.startswith("$")}
    assert named == set(COMPOSE["volumes"])
    assert all(mount.endswith(":/pictures:ro") for mount in mounts if mount.startswith("$"))


def test_no_password_comes_with_the_containers() -> None:
    passwords = [value for name, value in environment_of_all().items() if "PASSWORD" in name]
    assert passwords
    assert all(value.startswith("${POSTGRES_PASSWORD:?") for value in passwords)


def test_the_image_runs_as_nobody_in_particular_and_says_whether_it_is_well() -> None:
    lines = (REPOSITORY / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")][-1] != "USER 0"
    assert any(line.startswith("HEALTHCHECK") for line in lines)


def environment_of_all() -> dict[str, Any]:
    return {
        f"{service_name} {name}": value
        for service_name, service in COMPOSE["services"].items()
        for name, value in service["environment"].items()
    }


def winnow_help() -> list[str]:
    command = [sys.executable, "-m", "app.cli", "--help"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def make(*arguments: str) -> str:
    command = ["make", "--no-print-directory", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
