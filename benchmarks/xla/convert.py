"""HLO programs as artifacts of jax.export: python -m benchmarks.xla.convert PLATFORM FILES.hlo.

PLATFORM is cpu or cuda. Writes FILE.PLATFORM beside each file. Use the oldest JAX at hand (0.8.3
was): a newer one reads what it writes.
"""
import dataclasses
import json
import sys

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax._src.lib import _jax

KINDS = {'f32': np.float32, 's32': np.int32, 'pred': np.bool_}
STABLEHLO = '1.9.0'   # the version that is written
CALLING_CONVENTION = 9


def specs(shapes):
    """The ShapeDtypeStructs of [[kind, shape]]."""
    return [jax.ShapeDtypeStruct(tuple(shape), KINDS[kind]) for kind, shape in shapes]


def convert(path, platform):
    """The program at `path` as the bytes of a jax.export.Exported."""
    with open(path + '.json') as stream:
        record = json.load(stream)
    outputs = specs(record['outputs'])

    def same_types(*unused_inputs):
        return tuple(jnp.zeros(spec.shape, spec.dtype) for spec in outputs)

    shell = jax.export.export(jax.jit(same_types, keep_unused=True), platforms=[platform])(
        *specs(record['inputs']))
    with open(path, 'rb') as stream:
        program = _jax.mlir.hlo_to_stablehlo(stream.read())
    program = _jax.mlir.serialize_portable_artifact(program, STABLEHLO)
    return dataclasses.replace(shell, mlir_module_serialized=program,
                               calling_convention_version=CALLING_CONVENTION).serialize()


if __name__ == '__main__':
    jax.config.update('jax_platforms', 'cpu')
    for file in sys.argv[2:]:
        artifact = convert(file, sys.argv[1])
        with open('%s.%s' % (file, sys.argv[1]), 'wb') as target:
            target.write(artifact)
