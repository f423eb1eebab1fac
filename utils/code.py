"""The project's own code: its packages, floor by floor, and its files."""
import os

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# The packages of the project, floor by floor: each imports only from lower floors and from itself.
FLOORS = (
    ('utils',),
    ('experiments', 'terminal'),
    ('models', 'datasets', 'figures', 'certificates'),
    ('attacks', 'training'),
    ('critic', 'universal', 'evaluation'),
    ('defenses', 'reporting', 'perception'), ('pages', 'robustness', 'properties'),
)


def code_files():
    """The paths of the project's code, sorted: the entry scripts and every package, no tests."""
    folders = [''] + [package for floor in FLOORS for package in floor]
    paths = []
    for folder in (os.path.join(ROOT, name) for name in folders):
        names = os.listdir(folder) if os.path.isdir(folder) else ()
        paths += [os.path.join(folder, name) for name in names if name.endswith('.py')]
    return sorted(paths)
