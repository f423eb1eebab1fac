"""What Szegedy et al. (ICLR 2014) published of transfer and of norms, as data: tables 2, 4, 5.

Their tables 2 and 4 are very likely of 256 images: nearly every figure off the diagonal is a
multiple of 1/256, so each is good to 6 points at 95 %.
"""
import re

PUBLISHED_IMAGES = 256

COLUMNS2 = ('FC10(1e-4)', 'FC10(1e-2)', 'FC10(1)', 'FC100-100-10', 'FC200-200-10', 'AE400-10')
# Row: whose adversarial images; column: the network that is given them.
TABLE2 = {
    'FC10(1e-4)': (100., 11.7, 22.7, 2., 3.9, 2.7),
    'FC10(1e-2)': (87.1, 100., 35.2, 35.9, 27.3, 9.8),
    'FC10(1)': (71.9, 76.2, 100., 48.1, 47., 34.4),
    'FC100-100-10': (28.9, 13.7, 21.1, 100., 6.6, 2.),
    'FC200-200-10': (38.2, 14., 23.8, 20.3, 100., 2.7),
    'AE400-10': (23.4, 16., 24.8, 9.4, 6.6, 100.),
}
GAUSSIAN2 = {0.1: (5., 10.1, 18.3, 0., 0., 0.8), 0.3: (15.6, 11.3, 22.7, 5., 4.3, 3.1)}

# Networks that were trained on the half P1 or P2.
HALVES = ('FC100-100-10, P1', 'FC123-456-10, P1', 'FC100-100-10, P2')
TABLE4 = dict(zip(HALVES, ((100., 26.2, 5.9), (6.25, 100., 5.1), (8.2, 8.2, 100.))))
AMPLIFIED = 0.1   # the standard deviation of table 4's second half
TABLE4_AMPLIFIED = dict(zip(HALVES, ((100., 98., 43.), (96., 100., 22.), (27., 50., 100.))))
GAUSSIAN4 = {0.06: (2.2, 2.6, 2.4), 0.1: (2.6, 2.8, 2.7)}

# AlexNet's upper bounds. From memory of their equation, that of conv1 may be divided by 4, the
# stride, once too often.
TABLE5 = (('conv1', 2.75), ('conv2', 10.), ('conv3', 7.), ('conv4', 7.5), ('conv5', 11.),
          ('fc1', 3.12), ('fc2', 4.), ('fc3', 4.))


def paper_network(args):
    """The paper's name of a network by the flags of its training, such as FC100-100-10; '' for one
    that the paper does not have.
    """
    if args['dataset'] != 'mnist' or args['model'] not in ('fc', 'autoencoder'):
        return ''
    units = [int(number) for number in re.findall('[0-9]+', args['layer_dims'])]
    if args['model'] == 'autoencoder':
        return 'AE400-10' * (units[:1] == [400])
    units = units[:-1] if units[-1:] == [10] else units
    if not units:
        decay = float(args.get('weight_decay') or 0)
        return {1e-4: 'FC10(1e-4)', 1e-2: 'FC10(1e-2)', 1.: 'FC10(1)'}.get(decay, '')
    name = 'FC%s-10' % '-'.join(map(str, units))
    half = str(args.get('split') or '').upper()
    return name + ', %s' % half * (half in ('P1', 'P2'))


def published_cell(source, target, stddev=None):
    """What the paper's tables 2 and 4 have for images of `source` given to `target`, amplified to
    `stddev` or not; None where they have nothing.
    """
    if source in TABLE2 and target in COLUMNS2 and stddev is None:
        return TABLE2[source][COLUMNS2.index(target)]
    if source in HALVES and target in HALVES and stddev in (None, AMPLIFIED):
        rows = TABLE4 if stddev is None else TABLE4_AMPLIFIED
        return rows[source][HALVES.index(target)]
    return None


def published_noise(target, stddev):
    """What they have for Gaussian noise of a standard deviation given to `target`, or None."""
    for columns, rows in ((COLUMNS2, GAUSSIAN2), (HALVES, GAUSSIAN4)):
        if target in columns and stddev in rows:
            return rows[stddev][columns.index(target)]
    return None
