import pathlib
import sys


def pytest_addoption(parser):
    parser.addoption("--stand-in", action="store_true", help="use a stand-in for the package upstash-redis")


def pytest_configure(config):
    here = pathlib.Path(__file__).parent
    sys.path.insert(0, str(here.parent))
    if config.getoption("--stand-in"):
        sys.path.insert(0, str(here / "standin"))


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--stand-in"):
        terminalreporter.write_line("tested with a STAND-IN for upstash-redis: where that can be installed, run again without --stand-in", yellow=True)
