"""One Chromium for all scenarios of the dashboard."""

import shutil
from collections.abc import Iterator

import pytest

from tests.browser.viewer import Chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("needs Debian's package chromium")
    browser = Chromium(program)
    yield browser
    browser.close()
