"""The value of --gpu_memory, checked without TensorFlow."""
from utils.errors import check


def check_gpu_memory(gpu_memory):
    """Raises UserError unless `gpu_memory` is 'growth' or the text of a number in (0, 1]."""
    try:
        valid = gpu_memory == 'growth' or 0 < float(gpu_memory) <= 1
    except ValueError:
        valid = False
    check(valid, '--gpu_memory is %r; expected growth or a number in (0, 1]', gpu_memory)
