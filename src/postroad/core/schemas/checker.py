"""Who says whether a text is a schema, and whether a body fits one.

One rule: the core asks and never looks inside; who answers does no I/O, and says the same whenever
it is asked the same. Compiled by mypyc where possible.
"""

from mypy_extensions import mypyc_attr

ABSENT = "schemas need an optional package; install it with: pip install 'postroad[schema]'"


@mypyc_attr(allow_interpreted_subclasses=True)
class Checker:
    """The one that stands in where the optional package is not there: it can say nothing."""

    def fault(self, schema: str) -> str | None:  # noqa: ARG002
        """Why a text is no schema, or `None`."""
        return ABSENT

    def misfit(self, schema: str, body: bytes) -> str | None:  # noqa: ARG002
        """Why a body does not fit, or `None`."""
        return ABSENT
