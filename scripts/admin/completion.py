"""The Tab key: a script for the shell, made from the very parser that reads the arguments.

It is sourced once; completing starts no Python.
"""

from argparse import Action, ArgumentParser
from copy import copy
from typing import Final

SHELLS: Final = ("bash", "zsh")
_FILES: Final = {"bash": "_shtab_compgen_files", "zsh": "_files"}
"""What offers files and folders, by shtab's name for it."""


def script(parser: ArgumentParser, shell: str) -> str:
    """What ``eval "$(scripts/soulseer completion bash)"`` gives the shell."""
    import shtab  # seldom asked for

    shells_own = copy(parser)
    shells_own.prog = "soulseer"  # a shell looks a command up by the last part of its path
    return str(shtab.complete(shells_own, shell))


def offers_files(action: Action) -> None:
    """Have Tab complete a path there."""
    vars(action)["complete"] = _FILES


def takes_shell(parser: ArgumentParser) -> None:
    """The only noun without verbs, which looks at no stage."""
    parser.add_argument("shell", choices=SHELLS, help="whose script is to be printed")
    parser.epilog = "examples:\n" + "\n".join(f'  eval "$(scripts/soulseer completion {shell})"' for shell in SHELLS)
