"""The commands that generate_script.py prints."""
import re
import shlex

import pytest

from tests.running import run_script


def printed(*arguments):
    """The commands alone, which GNU parallel's input is."""
    status, out, err = run_script('generate_script.py', '--launcher=parallel', '--gpus=0',
                                  *arguments)
    assert (status, err) == (0, '')
    return out.splitlines()


PARSE = '''
import shlex, sys
from absl import flags
import {script}
for line in open(sys.argv[1]):
    words = shlex.split(line)
    flags.FLAGS.unparse_flags()
    rest = flags.FLAGS(words[1:])
    assert len(rest) == 1, rest
    {check}
print("parsed")
'''


@pytest.mark.parametrize('script,check,arguments', [
    ('train', 'train.read_config()', ['--train=True']),
    ('test', 'test.chosen_attacks()', ['--train=False', '--carlini=False']),
    ('test', 'test.chosen_attacks()', ['--train=False', '--carlini=True']),
])
def test_every_printed_command_parses_with_the_real_flags(scripts, script, check, arguments,
                                                          tmp_path):
    lines = [
        line for preset in ('paper', 'short', 'demo', 'cross_lipschitz')
        for line in printed('--preset=' + preset, *arguments)
    ]
    assert len(lines) > 20 and all('%s.py' % script in line for line in lines)
    commands = tmp_path / 'commands'
    commands.write_text('\n'.join(lines))
    (tmp_path / 'parse.py').write_text(PARSE.format(script=script, check=check))
    status, out, err = scripts.run(tmp_path / 'parse.py', commands)
    assert (status, out.strip()) == (0, 'parsed'), err


def test_the_sweep_has_distinct_runs_seed_by_seed():
    from experiments.table1 import TABLE_1
    lines = printed()
    assert len(lines) == len(set(lines)) == 2 * len(TABLE_1) * 10
    flags = [dict(word[2:].split('=', 1) for word in shlex.split(line)[2:]) for line in lines]
    assert [int(f['seed']) for f in flags] == sorted(int(f['seed']) for f in flags)
    critic = [f for f in flags if f['defense'] == 'critic']
    assert {(f['model'], f['lmbd']) for f in critic} == {('mlp', '0.5'), ('lenet5', '0.1')}
    assert {(f['niter'], f['lr_decay_step'], f['critic_lr_decay_step'], f['pretrain_niter'])
            for f in critic} == {('100', '40', '40', '1')}
    longer = printed('--preset=short', '--models=mlp', '--defenses=critic,margin',
                     '--niter=30')   # section 5's decay, in proportion
    assert ['--lr_decay_step=12 ' in line
            for line in longer] == [True, True] and '--critic_lr_decay_step=12 ' in longer[0]
    axes = printed('--models=mlp', '--defenses=critic', '--runs=2', '--seed=7', '--niter=3',
                   '--runs_dir=a b', '--data_dir=$(x)')
    assert [
        "'--train_dir=a b/runs_mlp'" in line and "'--data_dir=$(x)'" in line and '--niter=3' in line
        for line in axes
    ] == [True] * 2
    assert '--seed=7' in axes[0] and '--seed=8' in axes[1]
    lines = printed('--preset=cross_lipschitz')   # 16 settings, three seeds each
    assert len(lines) == len(set(lines)) == 3 * 16
    names = {re.search(r'--name=(\S+)', line).group(1) for line in lines}
    assert {'none', 'none_weight_decay0.001', 'cross_lipschitz_lmbd0.001_lr0.2', 'critic'} <= names
    assert all('lr_decay_step' not in line and '--lr_decay=points' in line for line in lines)
    for preset, folder in (('paper', '.'), ('short', 'short'), ('demo', 'demo'),
                           ('tune', 'tuning')):   # none among another's runs
        lines = [
            printed('--preset=' + preset, '--models=mlp', *more)[0]
            for more in ((), ('--train=False', ))
        ]
        assert '--train_dir=%s/runs_mlp ' % folder in lines[0]
        assert '--load_dir=%s/runs_mlp/none' % folder in lines[
            1] and '--working_dir=%s/test_mlp ' % folder in lines[1]
    test = printed('--train=False', '--carlini=True', '--models=mlp', '--defenses=critic',
                   '--runs=1', '--results_dir=r')
    assert '--load_dir=./runs_mlp/critic_s1' in test[0] and '--working_dir=r/test_mlp_ca' in test[0]


@pytest.mark.parametrize('script, check, arguments, count', [
    ('train_universal', 'pass', ['--train=True'], 50),
    ('test', 'test.chosen_attacks()', ['--train=False'], 90)])
def test_universal_perturbations_have_a_preset(scripts, script, check, arguments, count, tmp_path):
    lines = printed('--preset=nag', *arguments)
    assert len(lines) == len(set(lines)) == count
    assert all('%s.py' % script in line for line in lines)
    commands = tmp_path / 'commands'
    commands.write_text('\n'.join(lines))
    (tmp_path / 'parse.py').write_text(PARSE.format(script=script, check=check))
    status, out, err = scripts.run(tmp_path / 'parse.py', commands)
    assert (status, out.strip()) == (0, 'parsed'), err
    flags = [dict(word[2:].split('=', 1) for word in shlex.split(line)[2:]) for line in lines]
    if script == 'train_universal':
        assert len({(f['name'], f['seed']) for f in flags}) == count
        assert {f['load_dir'] for f in flags if f['seed'] == '2'} == {'./runs_mlp/none_s1'}
        images = [int(f['niter']) * int(f.get('train_size', 10000)) for f in flags]
        assert max(images) == 70000 and min(images) == 68000   # about as many steps for all
        return
    others = [f for f in flags if f['load_dir'].split('/')[-1] not in f['universal']]
    assert len(others) == 2 * 5 * 4 and {f['universal_deltas'] for f in others} == {'10'}
