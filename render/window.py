"""Frames in a window, by pygame-ce, which is imported only when a window is opened."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

MISSING = 'drawing in a window needs pygame-ce: pip install "stalegrid[render]"'


class Window:
    """One window on the screen. Closing it twice, and showing frames after it was closed, does nothing."""

    def __init__(self, title: str = "StaleGrid", fps: int | None = None) -> None:
        """Make ready; the window opens with the first frame and takes its size.

        `fps`: frames a second at most, None for no limit.
        Raises: ImportError if pygame is missing.
        """
        try:
            import pygame
        except ImportError as error:
            raise ImportError(MISSING) from error
        self.title = title
        self.fps = fps
        self.is_open = True
        self._pygame: ModuleType = pygame
        self._surface: Any = None
        self._clock: Any = pygame.time.Clock() if fps else None
        # The display alone: pygame's own init would also open sound and joysticks.
        pygame.display.init()

    def show(self, frame: NDArray[np.uint8]) -> None:
        """Show a frame, [H, W, 3] uint8, and handle what the user did meanwhile; a wish to quit closes the window."""
        if not self.is_open:
            return
        pygame = self._pygame
        height, width = frame.shape[:2]
        if self._surface is None or self._surface.get_size() != (width, height):
            self._surface = pygame.display.set_mode((width, height))
            pygame.display.set_caption(self.title)
        picture = pygame.image.frombuffer(np.ascontiguousarray(frame).tobytes(), (width, height), "RGB")
        self._surface.blit(picture, (0, 0))
        pygame.display.flip()
        # Keys are left to who asked for them, such as `agents.manual.ManualPolicy`.
        if pygame.event.get(pygame.QUIT):
            self.close()
        elif self._clock is not None:
            self._clock.tick(self.fps)

    def close(self) -> None:
        """Close the window."""
        if self.is_open:
            self.is_open = False
            self._surface = None
            self._pygame.display.quit()
