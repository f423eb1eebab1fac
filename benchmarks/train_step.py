"""The training step of the critic defense: CPU time against the published scheme and against sgemm,
memory, and its parts.
"""
import collections

from utils import cli
from utils.noise import Noise
from utils.ops import prediction

import numpy as np
import tensorflow.compat.v1 as tf
from absl import flags

import defenses
from attacks.targets import boundary_distances
from attacks.unrolled import UnrolledAttack
from benchmarks import common
from critic import build_critic
from models import build_model
from training.optimizers import build_optimizers
from training.session import start_graph_mode
from training.step import build_steps

FLAGS = flags.FLAGS

flags.DEFINE_enum('model', 'mlp', ('mlp', 'lenet5'), 'classifier')
flags.DEFINE_integer('batch_size', 100, 'images in a step', lower_bound=1)
flags.DEFINE_integer('repeat', 10, 'steps to measure', lower_bound=1)

DIFFERENT = 5   # products of the same shape in one session.run, when their time is taken


class ClassByClass(UnrolledAttack):
    """The attack with a backward pass for each class; TensorFlow's profiler cannot count the one
    pass for all of them.
    """

    def targets(self, logits, x):
        """The closest boundary from k gradients."""
        jac = tf.stack([tf.gradients(logit, x)[0] for logit in tf.unstack(logits, axis=1)], axis=1)
        distances, _ = boundary_distances(logits, jac, prediction(logits))
        return tf.argmin(distances, axis=1, output_type=tf.int32)


class Published(ClassByClass):
    """The attack as in the published code, which also passes once more through the network at x."""

    def __call__(self, x, targets, confidence, logits=None):
        return super().__call__(x, targets, confidence)


class Step(object):
    """The graph of a training step on images of a fixed number, as train.py builds it but for the
    attack.
    """

    def __init__(self, model_name, n, generator=UnrolledAttack):
        self.x = tf.placeholder(tf.float32, [n, 28, 28, 1])
        self.y = tf.placeholder(tf.int32, [n])
        step = tf.get_variable('step', [], tf.int32, tf.zeros_initializer(), trainable=False,
                               use_resource=True)
        self.noise = Noise(1, step.read_value())
        self.model, self.critic = build_model(model_name, 10, 1), build_critic(10, 1)
        self.attack = generator(self.model, self.noise)
        hyper = defenses.resolve('critic', {})
        self.losses = defenses.build_losses('critic', hyper, model=self.model, attack=self.attack,
                                            critic=self.critic, x=self.x, y=self.y,
                                            noise=self.noise)
        optimizers = build_optimizers({'lr': 5e-4, 'critic_lr': 1e-3})
        players = {'classifier': self.model, 'critic': self.critic}
        self.steps = build_steps(self.losses, players, optimizers, self.y, step)

    def loss(self, player):
        """The first loss of a player, built."""
        return next(loss for name, loss in self.losses.updates if name == player)()

    def feed(self, n):
        rng = np.random.RandomState(0)
        return {self.x: rng.uniform(size=(n, 28, 28, 1)).astype(np.float32),
                self.y: np.arange(n) % 10}


def published_scheme(built):
    """[fetches of a session.run]: the attack, then the critic's update and metrics, then the
    classifier's, each with an attack.

    As in the published training loop: the images are fetched and fed back for the critic's loss,
    but its error on adversarial images, one of the metrics fetched with the update, depends on the
    attack once more.
    """
    targets = built.attack.targets(built.losses.logits, built.x)
    x_hat = built.attack(built.x, targets, tf.fill(tf.shape(targets), 0.9))
    critic_update = tf.train.AdamOptimizer(1e-3, name='PublishedCritic').minimize(
        built.loss('critic'), var_list=built.critic.variables)
    model_update = tf.train.AdamOptimizer(5e-4, name='Published').minimize(
        built.loss('classifier'), var_list=built.model.variables)
    return [[x_hat], [critic_update, built.losses.diagnostics],
            [model_update, built.losses.metrics]]


def count_flops(graph):
    """The floating-point operations of a graph by TensorFlow's profiler."""
    options = tf.profiler.ProfileOptionBuilder(
        tf.profiler.ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return tf.profiler.profile(graph, options=options).total_float_ops


def products(graph):
    """The matrix products of a graph: Counter of (rows, inner, columns, a transposed, b
    transposed).
    """
    found = collections.Counter()
    for op in graph.get_operations():
        if op.type == 'MatMul':
            transposed = op.get_attr('transpose_a'), op.get_attr('transpose_b')
            a, c = op.inputs[0].shape.as_list(), op.outputs[0].shape.as_list()
            found[(c[0], a[0] if transposed[0] else a[1], c[1]) + transposed] += 1
    return found


def sgemm_seconds(shapes, repeat):
    """CPU seconds of these matrix products alone, each shape timed by itself in this process."""
    total = 0.
    with tf.Graph().as_default(), tf.Session(config=common.one_thread()) as session:
        chains = {}
        for m, k, n, ta, tb in shapes:
            left = [
                tf.Variable(tf.random.uniform([k, m] if ta else [m, k])) for _ in range(DIFFERENT)
            ]   # equal ones would be merged
            b = tf.Variable(tf.random.uniform([n, k] if tb else [k, n]))
            chains[m, k, n, ta,
                   tb] = [tf.matmul(a, b, transpose_a=ta, transpose_b=tb).op for a in left]
        session.run(tf.global_variables_initializer())
        for shape, count in shapes.items():
            session.run(chains[shape])
            seconds, _ = common.cpu_seconds(
                lambda: [session.run(chains[shape]) for _ in range(repeat)])
            total += count * seconds / repeat / DIFFERENT
    return total


def main():
    """Prints the table."""
    start_graph_mode()
    n, repeat = FLAGS.batch_size, FLAGS.repeat
    flops, shapes = count_step(n)
    built = Step(FLAGS.model, n)
    times = measure(
        built, {
            'forward pass': [built.losses.logits], 'pretraining step': [built.steps.pretrain],
            'whole step': [built.steps.train]
        })
    with tf.Graph().as_default():
        old = Step(FLAGS.model, n, Published)
        scheme = published_scheme(old)
        times.update(
            measure(old,
                    {'attack of the published scheme': scheme[:1], 'published scheme': scheme}))
    bound = sgemm_seconds(shapes, 3 * repeat)
    rows = [[name, '%.3f' % seconds,
             '%.2f' % (seconds / times['whole step'])] for name, seconds in times.items()]
    print(common.markdown(['%s, batch %d' % (FLAGS.model, n), 'CPU s', 'of the whole step'], rows))
    print('\n* whole step / published scheme: %.2f' %
          (times['whole step'] / times['published scheme']))
    print(
        '* counted: %.1f GFLOP a step, in %d matrix products; these alone: %.3f CPU s; whole step '
        '/ sgemm bound: %.2f'
        % (flops / 1e9, sum(shapes.values()), bound, times['whole step'] / bound))
    print('* TensorFlow %s, one thread, peak memory %.0f MiB' %
          (tf.__version__, common.peak_memory()))


def measure(built, parts):
    """{part: CPU seconds} of parts {name: fetches of a session.run, one after the other}, in the
    current graph.
    """
    feed, times = built.feed(FLAGS.batch_size), {}
    with tf.Session(config=common.one_thread()) as session:
        session.run(tf.global_variables_initializer())

        def run(fetches):
            return [session.run(fetch, feed) for fetch in fetches]
        for name, fetches in parts.items():
            run(fetches), run(fetches)
            times[name] = common.cpu_seconds(
                lambda: [run(fetches) for _ in range(FLAGS.repeat)])[0] / FLAGS.repeat
    return times


def count_step(n):
    """(FLOPs, matrix products) of the training step alone, from a graph that holds nothing else."""
    with tf.Graph().as_default() as graph:
        step = Step(FLAGS.model, n, ClassByClass)
        kept = tf.graph_util.extract_sub_graph(graph.as_graph_def(), [step.steps.train['op'].name])
    with tf.Graph().as_default() as alone:
        tf.import_graph_def(kept, name='')
        return count_flops(alone), products(alone)


if __name__ == '__main__':
    cli.run(main)
