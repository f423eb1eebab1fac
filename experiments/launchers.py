"""The same commands for one shell, for GNU parallel and for a SLURM cluster.

A launcher takes the commands, (path of what the command makes, its words) each, the name of the job
and the number of GPUs, and returns the lines to print.
"""
import shlex
import signal

# What asks a sweep to stop; a run that it stopped ends with 128 + its number.
STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1)

# Before the commands. A shell obeys a trap when the command under way has ended.
BASH = '''failures=
failed() {{   # after a signal nothing more is started; after a failure, the rest
  case $1 in {statuses}) exit "$1" ;; esac
  failures="$failures
  status $1: $2"
  case $- in *e*) exit "$1" ;; esac
}}
finish() {{
  status=$?
  case $status in {statuses})
    echo 'sweep: stopped by a signal; the same commands, run again, go on' >&2 ;;
  esac
  if [ "$failures" ]; then
    printf 'sweep: these failed:%s\\n' "$failures" >&2
    if [ "$status" -eq 0 ]; then status=1; fi
  fi
  exit "$status"
}}
{traps}
trap finish EXIT'''

# USR1 a minute before the end is passed on: train.py saves and leaves, and the task goes back to
# the queue.
SLURM = '''#!/bin/bash
#SBATCH --job-name={name}
#SBATCH --array=0-{last}{throttle}{gpu}
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output={name}-%A_%a.log
#SBATCH --signal=B:USR1@60
run() {{
case "$SLURM_ARRAY_TASK_ID" in
{cases}
esac
}}
again=
run & command=$!
trap 'again=1; kill -USR1 "$command"' USR1
trap 'kill -TERM "$command"' TERM
wait "$command"; status=$?
while kill -0 "$command" 2>/dev/null; do wait "$command"; status=$?; done
if [ "$again" ] && [ "$status" -ne 0 ]; then
  scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
'''


def shell_line(words):
    """One command line, quoted for a POSIX shell."""
    return ' '.join(shlex.quote(word) for word in words)


def bash(commands, unused_name, unused_gpus):
    """A line for each command, to run one after the other until a signal comes; in the end the
    shell names those that failed, and its status is not 0 then. SWEEP tells a command its place.
    """
    commands = list(commands)
    lines = ['SWEEP=%d/%d %s || failed $? %s' % (place, len(commands), shell_line(words),
                                                 shlex.quote(path))
             for place, (path, words) in enumerate(commands, 1)]
    statuses = {number.name: 128 + number for number in STOPPING}
    traps = ["trap 'exit %d' %s" % (status, name[len('SIG'):])
             for name, status in statuses.items()]
    head = BASH.format(statuses='|'.join(map(str, statuses.values())), traps='\n'.join(traps))
    return [head] + lines if lines else []


def parallel(commands, unused_name, gpus):
    """A line for each command, for GNU parallel's input: job slot i works on GPU i - 1 (modulo
    `gpus`; 0: all see all).
    """
    slot = 'CUDA_VISIBLE_DEVICES=$(( (${PARALLEL_JOBSLOT:-1} - 1) %% %d )) '
    prefix = slot % gpus if gpus else ''
    return [prefix + shell_line(words) for _, words in commands]


def slurm(commands, name, gpus):
    """An sbatch script, an array with a task for each command, one GPU each and at most `gpus` at a
    time (0: no GPU, no limit).
    """
    commands = list(commands)
    if not commands:
        return []
    cases = '\n'.join('%d) exec %s ;;' % (i, shell_line(words))
                      for i, (_, words) in enumerate(commands))
    return [
        SLURM.format(name=name, last=len(commands) - 1, cases=cases,
                     throttle='%%%d' % gpus if gpus else '',
                     gpu='\n#SBATCH --gres=gpu:1' if gpus else '').rstrip('\n')
    ]


LAUNCHERS = {'bash': bash, 'parallel': parallel, 'slurm': slurm}
