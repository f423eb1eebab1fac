"""How tests start the entry scripts."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def start_script(*arguments, **kwargs):
    """Starts `python <arguments>` in the repository's folder; returns the process."""
    return subprocess.Popen([sys.executable] + list(arguments), cwd=kwargs.pop('cwd', ROOT),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                            **kwargs)


def run_script(*arguments, **kwargs):
    """Runs `python <arguments>`; returns (exit status, stdout, stderr)."""
    process = start_script(*arguments, **kwargs)
    out, err = process.communicate()
    return process.returncode, out, err
