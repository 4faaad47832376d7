"""Modules that are read when they are first used: a function's start waits for no more than most of its calls need.

``lazy import`` of Python 3.15 (PEP 810), by the standard library's ``LazyLoader``. A type checker is told the import
as usual:

    if TYPE_CHECKING:
        from chalicelib.scheduling import service
    else:
        service = on_first_use("chalicelib.scheduling.service")
"""

import sys
from importlib.util import LazyLoader, find_spec, module_from_spec
from types import ModuleType


def on_first_use(name: str) -> ModuleType:
    """The module of that name, read at the first look at what it holds.

    Raises ModuleNotFoundError at once for a name that is no module's; what the module itself raises comes when it is
    read.
    """
    known = sys.modules.get(name)
    if known is not None:
        return known
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name, name=name)
    spec.loader = LazyLoader(spec.loader)
    module = module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
