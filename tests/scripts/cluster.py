"""A SLURM of one node on the loopback, with daemons of its own: munged, slurmctld and slurmd from
Debian's packages.
"""
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'sbatch')

CONF = '''ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={port}
SlurmdPort={next_port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MailProg=/bin/true
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
SchedulerParameters=sched_interval=2,bf_interval=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 GraceTime=60 State=UP
PartitionName=high Nodes=ALL PriorityTier=2 State=UP
'''


def why_not():
    """Why no cluster can be started here; None where it can."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        return '%s is not installed (Debian: slurm-wlm munge)' % missing[0]
    return None if os.geteuid() == 0 else 'the daemons of SLURM need root'


def free_ports():
    """Two ports that nobody listens on."""
    with socket.socket() as first, socket.socket() as second:
        for one in (first, second):
            one.bind(('127.0.0.1', 0))
        return first.getsockname()[1], second.getsockname()[1]


class Cluster(object):
    """Starts the daemons in `folder`, a short path; `environment` is what sbatch, squeue and
    scontrol need to find them.
    """

    def __init__(self, folder):
        self.folder = folder
        # Two slurmd of one host get in each other's way: the suites of two runtimes take turns.
        self._turn = open(os.path.join(tempfile.gettempdir(), 'slurm_of_the_tests.lock'), 'w')
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        os.chmod(folder, 0o755)   # munge insists
        for name in ('state', 'spool'):
            os.makedirs(os.path.join(folder, name))
        host, (port, next_port) = socket.gethostname().split('.')[0], free_ports()
        conf = os.path.join(folder, 'slurm.conf')
        with open(conf, 'w') as stream:
            stream.write(CONF.format(host=host, folder=folder, port=port, next_port=next_port))
        with open(os.path.join(folder, 'munge.key'), 'wb') as stream:
            stream.write(os.urandom(1024))
        os.chmod(stream.name, 0o400)
        self.environment = dict(os.environ, SLURM_CONF=conf)
        files = {
            name: '--%s=%s/munge.%s' % (name, folder, name.split('-')[0])
            for name in ('socket', 'key-file', 'log-file', 'pid-file', 'seed-file')
        }
        self._daemons = [self._start('munged', '--foreground', '--force', *files.values())]
        self._daemons += [
            self._start('slurmctld', '-D', '-c'),
            self._start('slurmd', '-D', '-N', host)
        ]

    def _start(self, *command):
        log = open(os.path.join(self.folder, command[0] + '.out'), 'w')
        with log:
            return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log,
                                    start_new_session=True)

    def call(self, *command, **kwargs):
        """What a SLURM command prints."""
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=True, universal_newlines=True,
                              **kwargs).stdout.strip()

    def wait_until_up(self, seconds=60):
        """Waits for the node to be idle; raises RuntimeError with the daemons' logs when it does
        not come up.
        """
        end = time.time() + seconds
        while time.time() < end:
            try:
                if 'idle' in self.call('sinfo', '-h', '-o', '%T'):
                    return
            except subprocess.CalledProcessError:
                pass   # sinfo fails until the controller answers
            time.sleep(0.5)
        raise RuntimeError('SLURM did not come up: ' + ''.join(
            '\n' + name + ': ' + open(os.path.join(self.folder, name)).read()[-1500:]
            for name in sorted(os.listdir(self.folder))
            if name.endswith(('.log', '.out'))))

    def stop(self):
        """Ends the jobs and the daemons."""
        subprocess.run(['scancel', '--full', '-u', 'root'], env=self.environment,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self._turn.close()
