"""Choosing among runs on validation images, and the HTML page."""
import json

import numpy as np

from experiments.tuning import choose, collect_candidates, tuning_markdown
from tests.recorded import A, table, write_run
from tests.running import run_script


def write_candidate(root, name, val_err, rho, lr, defense='vat', seed=1):
    folder = root / 'runs_mlp' / ('%s_s%d' % (name, seed))
    folder.mkdir(parents=True)
    args = {
        'dataset': 'mnist', 'pretrain_niter': 0, 'niter': 2, 'model': 'mlp', 'defense': defense,
        'name': name, 'lr': lr, 'lr_decay': 'no'
    }
    (folder / 'args.json').write_text(json.dumps({'args': args}))
    rows = [{'epoch': 1, 'val_err': 0.5}, {'epoch': 2, 'val_err': val_err, 'rho_deepfool': rho}]
    (folder / 'metrics.jsonl').write_text('\n'.join(json.dumps(row) for row in rows))


def test_the_largest_rho_among_the_lowest_errors_is_chosen(tmp_path):
    write_candidate(tmp_path, 'a', 0.0200, 0.20, 1e-3)
    write_candidate(tmp_path, 'b', 0.0215, 0.25, 5e-4)     # within 0.2 points of the best
    write_candidate(tmp_path, 'c', 0.0300, 0.40, 2e-4)     # more robust, but too many errors
    write_candidate(tmp_path, 'd', 0.0300, 0.10, 2e-4, defense='none')
    candidates = collect_candidates(str(tmp_path))
    assert len(candidates) == 4
    assert choose(candidates) == {('mnist', 'mlp', 'vat'): 'b', ('mnist', 'mlp', 'none'): 'd'}
    lines = tuning_markdown(candidates, choose(candidates)).splitlines()
    assert sum('**' in line for line in lines) == 2
    status, out, err = run_script('report.py', '--validation', '--results_dir=' + str(tmp_path))
    assert status == 0 and '**0.250**' in out, err
    assert (tmp_path / 'validation.md').read_text() in out


def test_a_setting_is_judged_by_the_mean_of_its_seeds(tmp_path):
    for seed, val_err, rho in ((1, 0.010, 0.30), (2, 0.030, 0.20)):
        write_candidate(tmp_path, 'lucky', val_err, rho, 1e-3, seed=seed)
        write_candidate(tmp_path, 'steady', 0.011, 0.29, 5e-4, seed=seed)
    write_candidate(tmp_path / 'recorded', 'elsewhere', 0.001, 0.9,
                    1e-3)   # another sweep, further down
    candidates = collect_candidates(str(tmp_path))
    assert len(candidates) == 4 and choose(candidates) == {('mnist', 'mlp', 'vat'): 'steady'}


def test_skip_done_leaves_out_finished_runs_and_tests(tmp_path):
    root = str(tmp_path)
    arguments = [
        '--preset=demo', '--defenses=none,vat', '--niter=3', '--skip_done', '--runs_dir=' + root,
        '--results_dir=' + root
    ]
    alone = ('--launcher=parallel', '--gpus=0')   # the commands without the shell around them
    run = tmp_path / 'runs_mlp' / 'none_s1'
    (run / 'samples').mkdir(parents=True)
    for done, file, expected in ((2, 'curves', 2), (3, 'curves', 2),
                                 (3, 'curves.png', 1)):   # curves.png: the last that a run writes
        (run / 'metrics.jsonl').write_text('{"epoch": 1}\n' * done)
        (run / 'samples' / file).write_text('')
        printed = run_script('generate_script.py', *arguments, *alone)[1]
        assert len(printed.splitlines()) == expected
    assert run_script('generate_script.py', '--launcher=slurm', *
                      arguments)[0] == 2   # would pair tests with other trainings
    write_run(tmp_path, 'test_mlp', 1, table(deepfool=A), defense='vat')
    tests = run_script('generate_script.py', '--train=False', *arguments, *alone)[1].splitlines()
    assert len(tests) == 1 and 'none_s1' in tests[0]


def test_worst_case_never_exceeds_a_column(tmp_path):
    from reporting.runs import collect_runs
    from reporting.tables import build_tables
    rng = np.random.RandomState(3)
    for seed in (1, 2):
        write_run(
            tmp_path, 'test_mlp', seed,
            table(
                **{name: (rng.uniform(size=4), [1] * 4)
                   for name in ('deepfool', 'carlini', 'pgd')}))
    cells = build_tables(collect_runs(str(tmp_path)))[0].rows[0][2]
    assert all(cells['worst'].mean <= cells[name].mean for name in ('deepfool', 'carlini', 'pgd'))
