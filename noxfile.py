"""The one front door: every check, the demo, the benchmarks and a release are sessions of this file.

``nox`` runs what a contributor wants before a push; ``nox -t gnomon-gtype`` all that concerns one package;
``nox -l`` lists the rest. Sessions are small functions over the packages found on disk.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "tools"))

import graph  # noqa: E402  tools are scripts, not an installed package
import interpreters  # noqa: E402
import peers  # noqa: E402

nox.needs_version = ">=2025.5"  # default_venv_backend, tags on parameters, uv
nox.options.default_venv_backend = "uv"
os.environ["PATH"] = interpreters.path(os.environ["PATH"])
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "layers", "types", "tests", "deps", "repo", "integration", "docs"]

PACKAGES = graph.packages(ROOT)
CONFIG = ROOT / "tools"
PARAMETERS = [nox.param(name, id=name, tags=[name]) for name in PACKAGES]
EVERY_PACKAGE = nox.parametrize("package", PARAMETERS)
EVERY_PACKAGE_RELEASE = nox.parametrize(
    "package", [nox.param(name, id=name, tags=["release"]) for name in PACKAGES]
)


def folder(package: str) -> str:
    """The path of a package, relative to the root."""
    return f"packages/{package}"


def needed(package: str) -> list[str]:
    """A package, the siblings it needs, and those that its tests need, lowest first."""
    asked = {
        package,
        *(
            name
            for name in map(graph.requirement_name, PACKAGES[package].test_requirements)
            if name in PACKAGES
        ),
    }
    together = {name for each in asked for name in graph.closure(each, PACKAGES)}
    return [name for name in PACKAGES if name in together]


def editable(package: str) -> list[str]:
    """Install arguments for a package and the siblings it needs, all editable, for one resolver run."""
    return [part for name in needed(package) for part in ("-e", folder(name))]


def editable_all() -> list[str]:
    """The same for every package of the repository."""
    return [part for name in PACKAGES for part in ("-e", folder(name))]


def test_requirements(package: str) -> list[str]:
    """What the tests of a package need from the index."""
    listed = PACKAGES[package].test_requirements
    return [requirement for requirement in listed if graph.requirement_name(requirement) not in PACKAGES]


def every_test_requirement() -> list[str]:
    """What the tests of all packages need together."""
    return sorted({requirement for package in PACKAGES for requirement in test_requirements(package)})


def pytest(package: str) -> list[str]:
    """Arguments after ``python -m`` that run a package's tests with its own settings, from any directory."""
    home = ROOT / folder(package)
    settings = ["-c", str(home / "pyproject.toml"), "--rootdir", str(home)]
    return ["pytest", "-q", "-p", "no:cacheprovider", *settings, str(home / "tests")]


@nox.session
@EVERY_PACKAGE
def tests(session: nox.Session, package: str) -> None:
    """The tests of each package against its sources, with branch coverage."""
    session.install(*editable(package), *test_requirements(package), "coverage[toml]>=7.6")
    settings = ["--rcfile", str(ROOT / folder(package) / "pyproject.toml")]
    session.env["COVERAGE_FILE"] = str(Path(session.create_tmp()) / ".coverage")
    session.run("python", "-m", "coverage", "run", *settings, "-m", *pytest(package), *session.posargs)
    if not session.posargs:
        session.run("python", "-m", "coverage", "report", *settings)


def fewer_examples(session: nox.Session) -> None:
    """The same tests in one more environment: `tests` has searched for counterexamples already."""
    session.env.setdefault("HYPOTHESIS_PROFILE", os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@nox.session(python=[version for version in interpreters.interpreters() if version != interpreters.running()])
def pythons(session: nox.Session) -> None:
    """The tests of every package on each other Python of this machine."""
    fewer_examples(session)
    session.install(*editable_all(), *every_test_requirement())
    for package in PACKAGES:
        session.run("python", "-m", *pytest(package))


@nox.session
@EVERY_PACKAGE_RELEASE
def wheel(session: nox.Session, package: str) -> None:
    """Each package alone: its wheel and its declared dependencies, tests from an empty directory."""
    fewer_examples(session)
    scratch = Path(session.create_tmp()).resolve()
    wheels, empty = scratch / "wheels", scratch / "alone"
    shutil.rmtree(wheels, ignore_errors=True)
    session.install("uv")
    for name in needed(package):
        session.run("uv", "build", "-q", "--wheel", "--out-dir", str(wheels), folder(name))
    built = [str(path) for path in sorted(wheels.glob("*.whl"))]
    shutil.rmtree(empty, ignore_errors=True)
    empty.mkdir()
    session.run("uv", "venv", "-q", "--python", sys.executable, str(empty / "env"))
    python = str(
        next(path for path in (empty / "env/bin/python", empty / "env/Scripts/python.exe") if path.exists())
    )
    session.run("uv", "pip", "install", "-q", "--python", python, *built, *test_requirements(package))
    elsewhere = empty / "empty"
    elsewhere.mkdir()
    name = PACKAGES[package].import_name
    with session.chdir(elsewhere):
        alone = f"import {name}; assert 'site-packages' in {name}.__file__, {name}.__file__"
        session.run(python, "-c", alone, external=True)
        session.run(python, "-m", *pytest(package), *session.posargs, external=True)


@nox.session
@EVERY_PACKAGE_RELEASE
def floor(session: nox.Session, package: str) -> None:
    """Each package with the lowest versions that its ranges admit."""
    fewer_examples(session)
    session.install("--resolution", "lowest-direct", *editable(package), *test_requirements(package))
    session.run("python", "-m", *pytest(package), *session.posargs)


@nox.session
@nox.parametrize("package", [*PARAMETERS, nox.param(None, id="examples")])
def types(session: nox.Session, package: str | None) -> None:
    """mypy strict over the sources, pyright over the public types; the examples as their readers would check them."""
    settings = ["--config-file", str(CONFIG / "mypy.ini")]
    if package is None:
        session.install(*editable_all(), "httpx>=0.27", "mypy>=1.18")
        with session.chdir("docs/examples/orders"):
            session.run("mypy", *settings, "orders", "demo.py", "check.py")
        return
    session.install(*editable(package), "mypy>=1.18", "pyright[nodejs]>=1.1.400", *test_requirements(package))
    session.run("mypy", *settings, f"{folder(package)}/src")
    session.run("python", "tools/completeness.py", PACKAGES[package].import_name)


@nox.session
@nox.parametrize("package", [*PARAMETERS, nox.param(None, id="repository")])
def lint(session: nox.Session, package: str | None) -> None:
    """ruff: rules and format, of each package and of what lies around them."""
    session.install("ruff>=0.12")
    places = [folder(package)] if package else ["noxfile.py", "tools", "tests", "docs"]
    session.run("ruff", "check", "--config", str(CONFIG / "ruff.toml"), *places)
    session.run("ruff", "format", "--check", "--config", str(CONFIG / "ruff.toml"), *places)


@nox.session
def layers(session: nox.Session) -> None:
    """The layer map of the design, and pydantic_core in one package only."""
    session.install(*editable_all(), "import-linter>=2.3")
    session.run("lint-imports", "--config", str(CONFIG / "importlinter.ini"), "--no-cache")


@nox.session
@EVERY_PACKAGE
def deps(session: nox.Session, package: str) -> None:
    """deptry: what is imported is declared, what is declared is imported."""
    session.install(*editable(package), "deptry>=0.23")
    with session.chdir(folder(package)):
        session.run("deptry", "src")


@nox.session
def integration(session: nox.Session) -> None:
    """The assembled runtime over real sockets with real clients."""
    # schemathesis calls an application as its OpenAPI document says; what it adds to pytest is not used
    session.install(*editable_all(), *every_test_requirement(), "httpx>=0.27", "schemathesis>=4.32")
    options = ["-q", "-p", "no:schemathesis", "-c", "tests/pytest.ini"]
    session.run("python", "-m", "pytest", *options, "tests/integration", *session.posargs)


@nox.session
def repo(session: nox.Session) -> None:
    """Tests of the repository itself and of its tools."""
    session.install(
        *editable_all(), *every_test_requirement(),
        "import-linter>=2.3", "griffe>=1.5", "packaging>=24", "towncrier>=24.8",
    )  # fmt: skip
    session.run(
        "python",
        "-m",
        "pytest",
        "-q",
        "-c",
        "tests/pytest.ini",
        "tests/repo",
        "tests/tools",
        *session.posargs,
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Every Python example in every README and in docs runs."""
    session.install(*editable_all(), *every_test_requirement(), "httpx>=0.27")
    session.run("python", "-m", "pytest", "-q", "-c", "tests/pytest.ini", "tests/docs", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """The order service over real HTTP; ``-- --check`` drives it and compares every answer."""
    # Not editable, and built afresh: what runs is what would be installed from an index.
    fresh = [f"--reinstall-package={name}" for name in PACKAGES]
    session.install(*fresh, *map(folder, PACKAGES), "httpx>=0.27")
    # Ctrl-C reaches the service too; it gets the time to finish what it is doing.
    session.run("python", "docs/examples/orders/demo.py", *session.posargs, interrupt_timeout=20.0)


@nox.session(python=list(interpreters.interpreters())[-1])
def bench(session: nox.Session) -> None:
    """Benchmarks against their peers: ``nox -s bench -- gtype``; all of them without a name."""
    names = [argument for argument in session.posargs if not argument.startswith("-")]
    options = [argument for argument in session.posargs if argument.startswith("-")]
    chosen = names or peers.modules()
    session.install(*editable_all(), *peers.required(chosen))
    session.run("python", "tools/bench/harness.py", *chosen, *options)


@nox.session(venv_backend="none")
def dev(session: nox.Session) -> None:
    """An environment in .venv with every package editable, for editors and shells."""
    home = ROOT / ".venv"
    if not home.exists():
        session.run(sys.executable, "-m", "uv", "venv", "-q", str(home), external=True)
    session.run(
        sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(home),
        *editable_all(), *every_test_requirement(), "nox[uv]", "ruff", "mypy", external=True,
    )  # fmt: skip
    session.log(f"ready: source {home}/bin/activate")


@nox.session
def change(session: nox.Session) -> None:
    """Write a changelog fragment: ``nox -s change -- gnomon-gtype fixed "What a user notices."``."""
    session.run("python", "tools/change.py", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """``nox -s release -- plan`` shows what would be released; also ``bump``, ``notes NAME``, ``tag``."""
    session.install("griffe>=1.5", "packaging>=24", "towncrier>=24.8")
    session.run("python", "tools/release.py", *(session.posargs or ["plan"]))
