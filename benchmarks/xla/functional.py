"""A graph that this project builds, as a pure function of its variables, compiled to HLO.

The graph code makes version 1 variables in a graph. Here it is traced with TensorFlow 2.21's
tf.wrap_function, which lifts the variables out; a program then takes their values after its
arguments and returns the new ones after its results.
"""
import json
import os
import re
import types

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf
from tensorflow.compiler.xla.service import hlo_pb2
from tensorflow.python.ops import resource_variable_ops

from benchmarks.xla.initial import initial_weights

graph_mode_op = resource_variable_ops.BaseResourceVariable.op.fget


def op_of(variable):
    """variable.op, also of a lifted variable, which has none: its name, in the default graph."""
    if variable._in_graph_mode:
        return graph_mode_op(variable)
    return types.SimpleNamespace(name=variable._handle_name.split(':')[0], type='VarHandleOp',
                                 graph=tf.get_default_graph())


def let_graph_code_see_lifted_variables():
    """Gives lifted variables the `op` and `graph` that version 1 code asks variables for."""
    base = resource_variable_ops.BaseResourceVariable
    base.op = property(op_of)
    base.graph = property(lambda variable: op_of(variable).graph)
    tf2.config.experimental.enable_tensor_float_32_execution(False)


class Lifted(object):
    """Traces functions and keeps account of the variables that they make: {handle: name}."""

    def __init__(self):
        self._variables = {}
        self._times = {}

    def _create(self, following, **kwargs):
        name = kwargs.get('name') or 'variable'
        times = self._times.get(name, 0)
        self._times[name] = times + 1
        if times:   # two optimizers each have a beta1_power
            kwargs['name'] = '%s_%d' % (name, times)
        variable = following(**kwargs)
        self._variables[id(variable.handle)] = (kwargs.get('name', name), variable)
        return variable

    def wrap(self, build, signature):
        """build(*tensors) as a function with lifted variables."""
        def traced(*tensors):
            with tf.variable_creator_scope(self._create):
                return build(*tensors)
        return tf.wrap_function(traced, signature)

    def values(self):
        """{name: array} of all variables as they are initialised."""
        return {name: variable.numpy() for name, variable in self._variables.values()}

    def compile(self, function, signature, path):
        """Writes the HLO of `function` to `path` and what its inputs and outputs are beside it, as
        <path>.json.
        """
        jitted = tf2.function(function, jit_compile=True)
        captured = jitted.get_concrete_function(*signature).captured_inputs
        lower = jitted.experimental_get_compiler_ir(*signature)
        header = lower(stage='hlo').split('\n')[0]
        module = hlo_pb2.HloModuleProto.FromString(lower(stage='hlo_serialized'))
        for computation in module.computations:
            for instruction in computation.instructions:
                if instruction.opcode == 'copy':   # StableHLO has none; a reshape changes nothing
                    instruction.opcode = 'reshape'
        with open(path, 'wb') as stream:
            stream.write(module.SerializeToString())
        layout = re.search(r'entry_computation_layout=\{\((.*)\)->(.*)\}', header)
        aliases = re.findall(r'\{(\d+)\}: \((\d+),', header)
        record = {'state': [self._variables[id(handle)][0] for handle in captured],
                  'inputs': shapes(layout.group(1)), 'outputs': shapes(layout.group(2)),
                  'updates': {output: int(place) for output, place in aliases}}
        with open(path + '.json', 'w') as stream:
            json.dump(record, stream)


def shapes(text):
    """[[kind, shape]] of the types in an HLO layout."""
    return [[kind, [int(size) for size in sizes.split(',') if size]]
            for kind, sizes in re.findall(r'(f32|s32|pred)\[([\d,]*)\]', text)]


def save_small(folder, seed, values):
    """Writes state.npz: the values that are neither zero nor weights that initial.py knows."""
    def known(name, value):
        return name.endswith('/weights') and np.allclose(
            value, initial_weights(seed, name, value.shape), atol=1e-6)

    small = {name.replace('/', '|'): value for name, value in values.items()
             if value.any() and not known(name, value)}
    np.savez(os.path.join(folder, 'state.npz'), **small)
