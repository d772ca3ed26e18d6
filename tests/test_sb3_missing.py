"""Where Stable-Baselines3 is not installed, its view says what to install; the view itself is tested in trainers/."""

import importlib.util

import pytest

import stalegrid


@pytest.mark.skipif(importlib.util.find_spec("stable_baselines3") is not None, reason="it is installed here")
def test_the_view_of_a_library_that_is_missing_names_the_pip_command():
    with pytest.raises(ImportError, match=r'pip install "stalegrid\[sb3\]"'):
        stalegrid.sb3_env(size="tiny", worlds=1)
