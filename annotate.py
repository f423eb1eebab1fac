"""The kit of Table 2. `annotate.py export` makes assignments for people of a test's adversarial
images, `annotate.py score` reads their answers and prints the table, `annotate.py judge` lets a
network or a k-NN answer in their place.
"""
import os
import sys

from utils import cli
from utils.errors import check, check_choice

from absl import flags

from datasets import load_dataset
from experiments.table2 import PER_ASSIGNMENT
from perception.answers import read_answers
from perception.judges import K, nearest_neighbours, write_judgement
from perception.kit import assignments, make_kit, read_kit, write_kit
from perception.score import table2

FLAGS = flags.FLAGS
KNN = 'knn'

flags.DEFINE_string('test_dir', None, 'export: folder of a test with --save_adv, such as '
                    'test_mlp/critic_s1')
flags.DEFINE_string('attack', 'high_confidence', 'export: the attack whose images are labelled')
flags.DEFINE_list('kit', 'kit', 'export: the folder to make; score and judge: the kits')
flags.DEFINE_integer('per_assignment', PER_ASSIGNMENT, 'export: images in an assignment', 1)
flags.DEFINE_integer('seed', 1, 'export: draws the order of the images', 0)
flags.DEFINE_string('base_url', '', 'export: where the kit will lie, for mturk.csv, such as '
                    'https://example.org/kit/')
flags.DEFINE_string('judge', KNN, 'judge: knn, or the folder of a run, such as '
                    'runs_lenet5/none_s2')
flags.DEFINE_string('data_dir', 'data', 'judge: folder of the dataset')


def export():
    """Test -> kit."""
    check(FLAGS.test_dir, '--test_dir is missing; expected the folder of a test with --save_adv')
    check(len(FLAGS.kit) == 1, '--kit names %d folders; expected the one to make', len(FLAGS.kit))
    kit = make_kit(FLAGS.test_dir, FLAGS.attack, FLAGS.per_assignment, FLAGS.seed)
    write_kit(kit, FLAGS.kit[0], FLAGS.base_url)
    print('%s: %d images in %d assignments; hand out pages/ or sheets/, keep key.npz and '
          'originals/, put what comes back into answers/' %
          (FLAGS.kit[0], len(kit.label), len(assignments(kit))))


def score():
    """Answers -> Table 2."""
    found = [(kit,) + read_answers(kit) for kit in map(read_kit, FLAGS.kit)]
    for kit, people, judges in found:
        check(len(people.label) or judges, '%s: holds no answer; expected .json files of the pages '
              "or .csv files of MTurk's results", os.path.join(kit.path, 'answers'))
    print(table2(found))


def judge():
    """A judge's answers to the kits, and how often it is right about the originals."""
    for kit in map(read_kit, FLAGS.kit):
        if FLAGS.judge == KNN:
            train = load_dataset(kit.facts['dataset'], FLAGS.data_dir).train
            name = 'k-NN, k = %d' % K
            label = lambda images: nearest_neighbours(train.images(slice(None)), train.y, images)
        else:
            from perception.network import network_judge  # TensorFlow takes seconds
            name, label = network_judge(FLAGS.judge, kit.x.shape[1:])
        x, x_adv = kit.x / 255., kit.x_adv / 255.
        path = write_judgement(kit, name, label(x_adv))
        print('%s: %s; right about %.2f %% of the originals' %
              (path, name, 100. * (label(x) == kit.label).mean()))


COMMANDS = {'export': export, 'score': score, 'judge': judge}


def main():
    """The command that the first argument names."""
    check_choice('the first argument', COMMAND, COMMANDS)
    COMMANDS[COMMAND]()


if __name__ == '__main__':
    COMMAND = sys.argv.pop(1) if sys.argv[1:] and not sys.argv[1].startswith('-') else ''
    cli.run(main)
