"""Which network a record is of, and what tables call it; no TensorFlow."""
import collections

from utils.errors import UserError, check
from utils.files import read_json

from experiments.intriguing_tables import paper_network
from experiments.names import defense_name, model_name

# The flags of a training that tell its network from others.
IDENTITY = ('dataset', 'model', 'layer_dims', 'name', 'defense', 'weight_decay', 'split', 'seed')


def identity(record):
    """The values of IDENTITY in the contents of an args.json, as texts."""
    return tuple(str(record['args'].get(name)) for name in IDENTITY)


def labels(records):
    """What tables call each network: as the 2014 paper does where it is one of its, else the
    classifier and the defense, and what else is needed to tell them apart.
    """
    found = []
    for record in records:
        args = record['args']
        found.append(paper_network(args) or '%s, %s' % (
            model_name(args['model']), defense_name(args['name'])))
    for name in ('layer_dims', 'weight_decay', 'split', 'seed'):
        twice = {label for label in found if found.count(label) > 1}
        for label in twice:
            rows = [row for row, other in enumerate(found) if other == label]
            values = [records[row]['args'].get(name) for row in rows]
            if len(set(values)) > 1:
                for row, value in zip(rows, values):
                    found[row] += ', %s %s' % (name, value)
    return found


def joint_labels(*lists):
    """The labels of several lists of records, in which one network has one label."""
    known = collections.OrderedDict((identity(record), record) for records in lists
                                    for record in records)
    names = dict(zip(known, labels(list(known.values()))))
    return [[names[identity(record)] for record in records] for records in lists]


def read_analysis(path, command, entry):
    """The contents of a JSON file that analyze.py wrote; raises UserError unless it has the list
    `entry` of networks, each with its args.
    """
    contents = read_json(path)
    check(isinstance(contents.get(entry), list) and contents[entry],
          '%s: has no %s; expected what analyze.py %s wrote', path, entry, command)
    try:
        for each in contents[entry]:
            identity(each['train'])
            for name in ('model', 'name', 'layer_dims'):
                str(each['train']['args'][name])
    except (KeyError, TypeError, AttributeError):
        raise UserError('%s: an entry of %s lacks train.args with model, name or layer_dims' %
                        (path, entry))
    return contents
