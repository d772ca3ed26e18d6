"""What an environment calls to draw itself, in each of its render modes."""

from __future__ import annotations

from typing import Any

from ..world.engine import Engine
from .ansi import text
from .scene import Scene, scene_of_arrays, scene_of_reference
from .tiles import draw


def scene_of(engine: Engine) -> Scene:
    """Return the picture's facts, from either engine."""
    batch = getattr(engine, "batch", None)
    if batch is not None:
        return scene_of_arrays(engine.rules, batch.state)
    return scene_of_reference(engine.world)  # type: ignore[attr-defined]


class Drawing:
    """Draws an engine's world; opens a window only when one is asked for."""

    def __init__(self, title: str, fps: int, tile_px: int = 32) -> None:
        self.title = title
        self.fps = fps
        self.tile_px = tile_px
        self._window: Any = None

    def __call__(self, engine: Engine, mode: str) -> Any:
        """Return a frame for rgb_array, a string for ansi; show a frame for human."""
        scene = scene_of(engine)
        if mode == "ansi":
            return text(scene)
        frame = draw(scene, self.tile_px)
        if mode == "rgb_array":
            return frame
        if self._window is None:
            from .window import Window

            self._window = Window(self.title, self.fps)
        self._window.show(frame)
        return None

    def close(self) -> None:
        """Close the window, if there is one."""
        if self._window is not None:
            self._window.close()
            self._window = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_window": None}  # a window is not copied with an environment
