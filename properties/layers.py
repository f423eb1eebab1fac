"""The layers of a network as they stand in its graph, so that an architecture needs no list."""
import collections

Layer = collections.namedtuple('Layer', 'name variable image stride padding before after')
Layer.__doc__ = """A layer with weights: its name, such as fc0; the name of their variable; image
(h, w), stride and padding of a convolution, None of a dense layer; the tensor before the
activation, bias included, and the one that the next layer takes, None for the logits."""

LINEAR = ('MatMul', 'Conv2D')
ADDITIONS = ('Add', 'AddV2', 'BiasAdd')
VARIABLES = ('VarHandleOp', 'VariableV2')
PASSES = ('Identity', 'ReadVariableOp', 'StopGradient')


def variable_of(tensor):
    """The op of the variable that a tensor is the value of, or None."""
    op = tensor.op
    while op.type in PASSES:
        op = op.inputs[0].op
    return op if op.type in VARIABLES else None


def ancestors(tensor):
    """The ops that a tensor is computed by, in the order in which they were made."""
    found, waiting = set(), [tensor.op]
    while waiting:
        op = waiting.pop()
        if op not in found:
            found.add(op)
            waiting += [each.op for each in op.inputs]
    return [op for op in tensor.graph.get_operations() if op in found]


def layers_of(model, logits):
    """The Layers of logits = model(x), from the images on."""
    ops = [op for op in ancestors(logits) if op.type in LINEAR and variable_of(op.inputs[1])]
    found = []
    for op, later in zip(ops, ops[1:] + [None]):
        variable = variable_of(op.inputs[1]).name
        image = stride = padding = None
        if op.type == 'Conv2D':
            image = tuple(op.inputs[0].shape.as_list()[1:3])
            stride, padding = op.get_attr('strides')[1], op.get_attr('padding').decode()
        name = variable[len(model.scope + '/'):].rsplit('/', 1)[0]
        found.append(Layer(name, variable, image, stride, padding, with_bias(op),
                           later and later.inputs[0]))
    return found


def with_bias(op):
    """The output of a linear op, its bias added where there is one."""
    for consumer in op.outputs[0].consumers():
        if consumer.type in ADDITIONS and any(variable_of(each) for each in consumer.inputs):
            return consumer.outputs[0]
    return op.outputs[0]


def is_chain(model, x, logits):
    """Whether each layer takes what the one before it made and nothing else, and none of them is
    batch normalisation: then the product of their norms bounds the whole network.
    """
    data = {x.op}
    for op in ancestors(logits):
        taken = sum(each.op in data for each in op.inputs)
        if taken > 1 and op.type != 'Shape':
            return False
        if taken:
            data.add(op)
    return not model.has_statistics
