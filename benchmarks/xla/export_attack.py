"""Exports an attack: python -m benchmarks.xla.export_attack FOLDER MODEL ATTACK IMAGES.

FOLDER gets one HLO program: IMAGES images, their labels and the classifier's weights to what
results.tsv is made of. XLA wants shapes that it knows: no image's place is taken by a waiting one,
a finished one keeps its result; and each class has its own pass in the Jacobian.
"""
import os
import sys

from utils.ops import confidence, prediction

import tensorflow as tf2
import tensorflow.compat.v1 as tf

from attacks import ATTACKS
from benchmarks.xla.functional import Lifted, let_graph_code_see_lifted_variables
from models import build_model

SETTINGS = {   # as the paper preset tests
    'deepfool': dict(max_iter=500, clip=0.1),
    'high_confidence': dict(max_iter=500, clip=0.1, confidence='same'),
    'carlini': dict(max_iter=1000),
    'boundary': {},
}


def run_kept(enter, step, results, n, unused_slots):
    """attacks.loop.run_active with all images in their places to the end."""
    begin = enter(tf.range(n))
    kind = type(begin)

    def body(state, finished):
        following, done = step(state)

        def keep(old, new):
            ones = [1] * (old.shape.ndims - 1)
            stays = tf.reshape(finished, [-1] + ones) & tf.ones_like(old, tf.bool)
            return tf.ensure_shape(tf.where(stays, old, new), old.shape)

        return kind(*(keep(old, new) for old, new in zip(state, following))), finished | done

    finished = tf.zeros_like(begin[0][(slice(None),) + (0,) * (begin[0].shape.ndims - 1)], tf.bool)
    state, _ = tf.while_loop(lambda state, finished: tf.reduce_any(~finished), body,
                             [begin, finished], back_prop=False)
    return {name: getattr(state, name) for name in results}


def picked(values, one_hot):
    """tf.boolean_mask with exactly one true entry a row: [n, c, ...], [n, c] -> [n, ...]."""
    place = tf.argmax(tf.cast(one_hot, tf.int32), axis=1, output_type=tf.int32)
    return tf.gather(values, place, axis=1, batch_dims=1)


def fix_shapes():
    """Replaces what has shapes or strings that XLA does not know, in every module of attacks."""
    for name, module in list(sys.modules.items()):
        if name.startswith('attacks.'):
            for known, value in (('run_active', run_kept),
                                 ('by_chunks', lambda function, n, size: function(tf.range(n))),
                                 ('required', lambda fits, found, values: values),
                                 ('_runs_side_by_side', lambda logits, x: False)):
                if hasattr(module, known):
                    setattr(module, known, value)
    tf.boolean_mask = picked


def main(folder, model_name, attack, images):
    """Writes <MODEL>_<ATTACK>.hlo."""
    let_graph_code_see_lifted_variables()
    fix_shapes()
    lifted = Lifted()

    def graph(x, y):
        model = build_model(model_name, 10, 1)
        logits = model(x)
        found = ATTACKS[attack](model, x, y, slots=images, **SETTINGS[attack])
        after = model(found.x_adv)
        return [prediction(logits), confidence(logits), found.x_adv, found.iterations,
                prediction(after), confidence(after)]

    signature = [tf2.TensorSpec([images, 28, 28, 1]), tf2.TensorSpec([images], tf.int32)]
    wrapped = lifted.wrap(graph, signature)
    os.makedirs(folder, exist_ok=True)
    lifted.compile(lambda x, y: wrapped(x, y), signature,
                   os.path.join(folder, '%s_%s.hlo' % (model_name, attack)))


if __name__ == '__main__':
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
