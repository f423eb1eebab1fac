"""Writes a run's classifier as weights.npz and as a SavedModel, which need neither the run nor this
program, and checks both against the run.
"""
from utils import cli
from utils.errors import check

from absl import flags, logging

from evaluation.export import export_run
from training.run_folder import RunFolder
from training.session import start_graph_mode

FLAGS = flags.FLAGS

flags.DEFINE_string('load_dir', None, 'run folder that train.py wrote, such as runs_mlp/critic_s1')
flags.DEFINE_string('output', None, 'folder to make, such as results/networks/mlp_critic_s1')
flags.DEFINE_string('data_dir', None, 'folder of the dataset (default: as in training)')
flags.DEFINE_boolean('unfinished', False, 'export a run that has not trained all its epochs')


def main():
    """Run folder -> weights.npz, saved_model/, network.json."""
    check(FLAGS.load_dir, '--load_dir is missing; expected a run folder that train.py wrote')
    check(FLAGS.output, '--output is missing; expected the path of a new folder')
    start_graph_mode()
    contents = export_run(RunFolder(FLAGS.load_dir), FLAGS.output, FLAGS.data_dir,
                          FLAGS.unfinished)
    checked = contents['checked']
    logging.info('%s: %d epochs; %d of the first %d test images are misclassified; logits differ '
                 "from the run's by at most %.2g", FLAGS.output, contents['epochs'],
                 checked['errors'], checked['images'], max(checked['difference'].values()))


if __name__ == '__main__':
    cli.run(main)
