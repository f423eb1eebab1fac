"""The gradient of every logit with respect to its own image: the one place that takes it."""
import tensorflow.compat.v1 as tf

CLASSES_AT_ONCE = 64   # of a Jacobian

# Operations whose gradient TensorFlow 1.15 and 2.21 can both vectorise, and ends of a graph.
DENSE = frozenset([
    'Add', 'AddV2', 'BiasAdd', 'Cast', 'Const', 'Elu', 'Enter', 'Identity', 'MatMul', 'Maximum',
    'Mul', 'Neg', 'Pack', 'Placeholder', 'PlaceholderWithDefault', 'ReadVariableOp', 'Relu',
    'Reshape', 'Selu', 'Shape', 'Sigmoid', 'Softplus', 'Square', 'StridedSlice', 'Sub', 'Tanh',
    'VarHandleOp', 'VariableV2',
])


def _runs_side_by_side(logits, x):
    """Whether both runtimes can differentiate all classes in one pass: logits of x by DENSE alone.
    """
    seen = {x.op}
    waiting = [logits.op]
    while waiting:
        op = waiting.pop()
        if op in seen:
            continue
        if op.type not in DENSE:
            return False
        seen.add(op)
        if op.type != 'Enter':   # behind it lies what a loop does not change
            waiting.extend(source.op for source in op.inputs)
    return True


def jacobian(logits, x, classes=None):
    """Gradient of logits with respect to their own image: [n, k], [n, ...] -> [n, k, ...].

    With `classes` [n, c] int32, of those c logits of each image alone: [n, c, ...]. Dense networks
    are differentiated with CLASSES_AT_ONCE classes side by side (for the MLP of section 5, a third
    less time than a pass a class). Every other model takes a pass a class: TensorFlow 1.15 cannot
    vectorise many gradients, neither runtime that of tf.cond, and convolutions take 1.6 times as
    long side by side. Memory beyond one chunk of classes is a few times n c d.
    """
    k = int(logits.shape[1])
    if classes is None:
        classes = tf.tile(tf.expand_dims(tf.range(k), 0), [tf.shape(logits)[0], 1])
    columns = tf.transpose(classes)
    side_by_side = _runs_side_by_side(logits, x)

    def gradient(column):
        return tf.gradients(logits, x, grad_ys=tf.one_hot(column, k, dtype=logits.dtype))[0]

    rows = []
    for start in range(0, int(columns.shape[0]), CLASSES_AT_ONCE):
        with tf.control_dependencies(rows[-1:]):   # one chunk after the other, to save memory
            chunk = tf.identity(columns[start:start + CLASSES_AT_ONCE])
        if side_by_side:
            rows.append(tf.vectorized_map(gradient, chunk))
        else:
            rows.append(tf.stack([gradient(column) for column in tf.unstack(chunk)]))
    rows = rows[0] if len(rows) == 1 else tf.concat(rows, axis=0)
    rows.set_shape(columns.shape[:1].concatenate(x.shape))
    return tf.transpose(rows, [1, 0] + list(range(2, rows.shape.ndims)))
