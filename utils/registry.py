"""Registries: ordered name -> value dictionaries in which no name can come twice."""


def registry(kind, *entries):
    """{name: value} of (name, value) pairs; raises ValueError for a name that comes twice."""
    values = {}
    for name, value in entries:
        if name in values:
            raise ValueError('two %s are named %s' % (kind, name))
        values[name] = value
    return values
