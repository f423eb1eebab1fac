"""A finished run, loaded for attacking it: its data and its classifier."""
from utils.errors import check

from datasets import centre_cropped, load_dataset, read_kinds
from models import build_model
from training.checkpoints import is_export, read_progress


def load_run(run, data_dir=None):
    """The data, the model and the record of a RunFolder: (Dataset, Network without weights yet,
    contents of args.json).

    `data_dir`: folder of the MNIST files, by default that of the training. Raises UserError for a
    folder that holds no run, and where the dataset's images are not of the shape that the run was
    trained on.
    """
    record = run.read_args()
    args = record['args']
    data = load_dataset(args['dataset'], data_dir or args['data_dir'], args['validation_size'],
                        args.get('split', ''))
    data = centre_cropped(data, read_kinds(args.get('augment', '')),
                          ('train', 'validation', 'test'))
    shape = list(data.train.x.shape[1:])
    check(shape == record['image_shape'], '%s: images are %s; %s was trained on %s',
          args['dataset'], shape, run.path, record['image_shape'])
    return data, model_of(record), record


def model_of(record):
    """The classifier of the contents of an args.json, without its weights."""
    args = record['args']
    return build_model(args['model'], record['num_classes'], args['seed'], args['layer_dims'],
                       args['activation_fn'], initial_weights=args.get('initial_weights', 'normal'))


def tested_checkpoint(run, args, unfinished=False):
    """The path of a run's newest checkpoint, or of an export's weights.npz.

    Raises UserError where there is none, or one of a run that has not trained all its epochs,
    unless `unfinished`. args: the flags it was trained with.
    """
    checkpoint = run.latest_checkpoint()
    check(checkpoint is not None, '%s: holds no checkpoint', run.checkpoints)
    if is_export(checkpoint):
        return checkpoint
    done = read_progress(checkpoint).epochs
    epochs = args['niter'] + args['pretrain_niter']
    check(done >= epochs or unfinished, '%s: has trained %d of %d epochs; --unfinished tests it as '
          'it is', run.path, done, epochs)
    return checkpoint
