"""The engine's drivers as plain Python where the rest is compiled.

The rule kept here: what is timed is the engine's turn, and that stays compiled; but a compiled
driver takes nothing else for its engine, so no stopwatch could stand there.
"""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import postroad.engine

DRIVERS = ("aio", "blocking")


def plain_drivers() -> None:
    """Import them from their source, before anything else imports them."""
    folder = Path(postroad.engine.__file__).parent
    for name in DRIVERS:
        full = f"postroad.engine.{name}"
        assert full not in sys.modules, f"{full} was imported before"
        spec = spec_from_file_location(full, folder / f"{name}.py")
        assert spec is not None, f"no source of {full}"
        assert spec.loader is not None, f"no loader of {full}"
        sys.modules[full] = module = module_from_spec(spec)
        spec.loader.exec_module(module)
        setattr(postroad.engine, name, module)
