"""Settings: their schema, the registry of components, and the command line that fills them in."""

from configs import builtin as builtin  # the registry is never seen without the built-in components
