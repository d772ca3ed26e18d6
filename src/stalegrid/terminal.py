"""What the commands share of the terminal: where they print, how they fail and how they show that they are at work."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

NAME = "stalegrid"
console = Console()
errors = Console(stderr=True)

Out = Annotated[Path | None, typer.Option(help="file to write")]


def fail(message: object) -> NoReturn:
    """Say what is wrong in a sentence and stop."""
    errors.print(f"stalegrid: {message}", style="red", highlight=False, soft_wrap=True, markup=False)
    raise typer.Exit(2)


@contextmanager
def telling(*more: type[Exception], kept: Callable[[], str] = str) -> Iterator[None]:
    """Tell what goes wrong in a sentence, with exit code 2, and an interruption with 130.

    A ValueError says what was got and what is allowed, an OSError which file; `more` kinds are told likewise. An
    interruption and a killed worker also say what is `kept`.
    """
    kinds: tuple[type[Exception], ...] = (ValueError, OSError, *more)
    try:
        yield
    except ChildProcessError as error:
        fail(f"{error}{kept()}")
    except kinds as error:
        fail(error)
    except KeyboardInterrupt:
        errors.print(f"stopped{kept()}", highlight=False, markup=False)
        raise typer.Exit(130) from None


def tell_line(text: str, indent: int = 0) -> None:
    """Print a line: broken between words where somebody watches, and whole where it goes to a file or a program."""
    if console.is_terminal:
        console.print(Padding(Text(text), (0, 0, 0, indent)), highlight=False)
    else:
        console.print(" " * indent + text, highlight=False, markup=False, soft_wrap=True)


def program() -> str:
    """Return what to type for this program: its name, or where it was found if the shell would not find it by that."""
    called = sys.argv[0]
    return called if Path(called).name == NAME and shutil.which(NAME) is None else NAME


def check_form(form: str, *allowed: str) -> None:
    """Refuse a form of output that a command does not have.

    Raises: ValueError.
    """
    if form not in allowed:
        raise ValueError(f"--format is {', '.join(allowed[:-1])} or {allowed[-1]}; got {form!r}")


def check_folder(out: Path | None) -> None:
    """Refuse a file whose folder is not there, or that is a folder itself, before the work and not after it.

    Raises: ValueError.
    """
    if out is not None and not out.parent.is_dir():
        raise ValueError(f"--out needs a folder that is there; got {out}")
    if out is not None and out.is_dir():
        raise ValueError(f"--out is a file to write; got the folder {out}")


def progress_bar() -> Progress:
    """Return a bar on stderr that vanishes when it is done, and is silent where nobody watches."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    watched = errors.is_terminal
    # Quiet, for before 14.3 rich ends a bar that nobody watches with an empty line.
    return Progress(*columns, console=errors if watched else Console(quiet=True), transient=True, disable=not watched)
