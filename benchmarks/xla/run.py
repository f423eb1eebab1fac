"""Trains an exported run: python -m benchmarks.xla.run FOLDER PLATFORM MNIST OUT [SECONDS].

Needs JAX and NumPy, no TensorFlow. MNIST is the folder of its four files. Writes
OUT/metrics.jsonl, and at the end OUT/weights.npz (names with "|" for "/") and OUT/test.json.
OUT/state.npz, written every ten epochs and after SECONDS, is what the same command goes on from.
"""
import gzip
import json
import os
import sys
import time

import jax
import jax.export
import jax.numpy as jnp
import numpy as np

from benchmarks.xla.initial import initial_weights

KINDS = {'f32': np.float32, 's32': np.int32}


def read_mnist(folder, stem):
    """(images [n, 28, 28, 1] float32 in [0, 1], labels [n] int32); stem: train or t10k."""
    with gzip.open(os.path.join(folder, stem + '-images-idx3-ubyte.gz')) as stream:
        images = np.frombuffer(stream.read()[16:], np.uint8).reshape(-1, 28, 28, 1)
    with gzip.open(os.path.join(folder, stem + '-labels-idx1-ubyte.gz')) as stream:
        labels = np.frombuffer(stream.read()[8:], np.uint8)
    return np.divide(images, 255., dtype=np.float32), np.int32(labels)


def load_program(path, platform):
    """(compiled function, its record)."""
    with open('%s.%s' % (path, platform), 'rb') as stream:
        exported = jax.export.deserialize(bytearray(stream.read()))
    with open(path + '.json') as stream:
        record = json.load(stream)
    inputs = [jax.ShapeDtypeStruct(aval.shape, aval.dtype) for aval in exported.in_avals]
    return jax.jit(exported.call).lower(*inputs).compile(), record


class Run(object):
    """The programs of a run and the state of its variables."""

    def __init__(self, folder, platform):
        with open(os.path.join(folder, 'run.json')) as stream:
            self.info = json.load(stream)
        self._programs = {name: load_program(os.path.join(folder, name + '.hlo'), platform)
                          for name in self.info['metrics']}
        small = np.load(os.path.join(folder, 'state.npz'))
        known = {name.replace('|', '/'): small[name] for name in small.files}
        self._state = {}
        for _, record in self._programs.values():
            inputs = record['inputs'][-len(record['state']):]
            for name, (kind, shape) in zip(record['state'], inputs):
                if name not in known and name.endswith('/weights'):
                    value = initial_weights(self.info['args']['seed'], name, shape)
                else:
                    value = known.get(name, np.zeros(shape))
                self._state[name] = jnp.asarray(value, KINDS[kind])

    def __call__(self, name, *arguments):
        """Runs a program: {metric: number}; the variables move as it says."""
        function, record = self._programs[name]
        outputs = function(*arguments, *(self._state[key] for key in record['state']))
        for output, place in record['updates'].items():
            self._state[record['state'][place - len(arguments)]] = outputs[int(output)]
        return {key: float(value) for key, value in zip(self.info['metrics'][name], outputs)}

    def measure(self, images, labels):
        """(mean NLL, share of errors) of the images [n, ...] that fill the program's batches."""
        batches = tuple(self._programs['measure'][1]['inputs'][1][1])
        size = int(np.prod(batches))
        sums = [self('measure', jnp.asarray(images[i:i + size].reshape(batches + images.shape[1:])),
                     jnp.asarray(labels[i:i + size].reshape(batches)))
                for i in range(0, len(labels) - size + 1, size)]
        return tuple(sum(s[name] for s in sums) / (len(sums) * size) for name in ('nll', 'wrong'))

    def save_weights(self, path):
        """Writes the classifier's weights."""
        save_arrays(path, {name: self._state[name] for name in self.info['weights']})

    def save_state(self, path, count):
        """Writes all variables, and `count`, the epochs that made them."""
        save_arrays(path, dict(self._state, epochs=count))

    def restore(self, path):
        """Takes the variables of a state; returns its number of epochs."""
        with np.load(path) as state:
            self._state = {name: jnp.asarray(state[name.replace('/', '|')])
                           for name in self._state}
            return int(state['epochs'])


def save_arrays(path, arrays):
    """Writes {name: array}, whole or not at all."""
    partial = path + '.part'
    with open(partial, 'wb') as stream:
        np.savez(stream, **{name.replace('/', '|'): np.asarray(value)
                            for name, value in arrays.items()})
    os.replace(partial, path)


def epochs(run, images, labels, validation, done):
    """Trains epoch by epoch, after the `done` first; yields the rows of metrics.jsonl."""
    args = run.info['args']
    pretraining, size = args['pretrain_niter'], args['batch_size']
    for count in range(done + 1, pretraining + args['niter'] + 1):
        start = time.time()
        phase = 'pretrain' if count <= pretraining else 'train'
        number = count if count <= pretraining else count - pretraining
        rates = run.info['rates'][0 if phase == 'pretrain' else number - 1]
        order = np.random.RandomState([args['seed'], count]).permutation(len(labels))
        steps = len(labels) // size
        order = jnp.asarray(order[:steps * size].reshape(steps, size), jnp.int32)
        sums = run(phase, images, labels, order, jnp.float32(rates['lr']),
                   jnp.float32(rates['critic_lr']))
        row = dict(rates, phase=phase, epoch=number,
                   **{name: total / steps for name, total in sums.items()})
        val_nll, val_err = run.measure(*validation)
        row.update(val_nll=val_nll, val_err=val_err, seconds=round(time.time() - start, 3))
        if not all(np.isfinite(value) for value in row.values() if not isinstance(value, str)):
            raise SystemExit('%s is not finite: %r' % (args['name'], row))
        yield row


def kept_rows(path, done):
    """The lines of the first `done` epochs in metrics.jsonl."""
    if not done:
        return []
    with open(path) as stream:
        return stream.readlines()[:done]


def main(folder, platform, mnist, out, seconds='inf'):
    """Trains, and prints an epoch a line."""
    deadline = time.time() + float(seconds)
    run = Run(folder, platform)
    held = run.info['args']['validation_size']
    x, y = read_mnist(mnist, 'train')
    os.makedirs(out, exist_ok=True)
    state, metrics = os.path.join(out, 'state.npz'), os.path.join(out, 'metrics.jsonl')
    done = run.restore(state) if os.path.exists(state) else 0
    rows = kept_rows(metrics, done)
    with open(metrics, 'w') as stream:
        stream.writelines(rows)
        for row in epochs(run, jnp.asarray(x[held:]), jnp.asarray(y[held:]), (x[:held], y[:held]),
                          done):
            done += 1
            print(json.dumps(row), file=stream, flush=True)
            print(' '.join('%s %.4g' % item for item in sorted(row.items())
                           if not isinstance(item[1], str)), flush=True)
            late = time.time() > deadline
            if late or row['epoch'] % 10 == 0:
                run.save_state(state, done)
            if late:
                return
    error = run.measure(*read_mnist(mnist, 't10k'))[1]
    with open(os.path.join(out, 'test.json'), 'w') as stream:
        json.dump({'error': error}, stream)
    run.save_weights(os.path.join(out, 'weights.npz'))
    print('test error %.2f %%' % (100 * error))


if __name__ == '__main__':
    main(*sys.argv[1:])
