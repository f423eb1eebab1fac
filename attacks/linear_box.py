"""The attack on the linearisation, with the box (Hein & Andriushchenko, NIPS 2017, section 4).

For every other class j, the classifier is replaced by its linearisation at x, for which the closest
image of [0, 1] in class j is known exactly; how far it must go beyond the linear boundary is then
searched for. Ours: further rounds linearise at what was found and start from x again.
"""
from utils.errors import check
from utils.ops import lp_norm, norm, select_class

import tensorflow.compat.v1 as tf

from attacks.contract import attackable, check_number, check_whole, largest, outcome
from attacks.inputs import check_inputs
from attacks.jacobian import jacobian
from attacks.loop import SLOTS, by_chunks
from attacks.projection import HalfSpace, inner
from attacks.targets import boundary_distances, lead, lead_over_rival

TRIALS = 10      # times that the fall grows before a class is given up
HALVINGS = 16    # of the bracket between what fooled the model and what did not
MARGIN = 1e-5    # by which another class must lead, as a share of the logits: float32

HELP = {
    'ord': 'norm in which the perturbation is small: l1, l2 or linf',
    'candidates': 'classes tried, those with the closest boundaries at x (default: all others)',
    'rounds': 'times that the model is linearised again, at what was found',
    'growth': 'the linear boundary is overshot by this factor until the class changes: 1.2 for '
              'MNIST and GTSRB, 1.3 for CIFAR-10 as published',
}


def norm_or_l1(ord):
    """1, 2 or inf, of a norm given so or by its name, l1, l2 or linf."""
    return 1 if str(ord) in ('1', 'l1') else norm(ord)


def linear_box(model, x, y=None, slots=SLOTS, *, ord: norm_or_l1 = 2, candidates: int = None,
               rounds=2, growth=1.2):
    """The smallest perturbation found for any other class, by its norm `ord`; rounds=0 is the
    published attack.

    For model, x and y see check_inputs. Every class is tried on its own; any change of the class
    counts. An image for which nothing is found is returned as it is. `slots` images are worked on
    at a time, with all their classes. Returns Adversarial, its iterations the linearisations;
    raises UserError for an argument that cannot be used.
    """
    ord = norm_or_l1(ord)
    check_whole(0, rounds=rounds)
    check_whole(slots=slots)
    check_number('growth', growth)
    check(growth > 1, 'growth is %s; expected a number above 1', growth)
    check(candidates is None or candidates >= 1, 'candidates is %s; expected at least 1',
          candidates)
    inputs = check_inputs(model, x, y)
    model, x, y, _, logits = inputs
    k = int(logits.shape[1])

    def attack(rows):
        images, labels = tf.gather(x, rows), tf.gather(y, rows)
        right, half_space, falls, origins, classes = linearise(
            model, images, labels, min(candidates or k - 1, k - 1), ord)
        first, hit = search(model, half_space, falls, classes, right, growth)
        first.set_shape(origins.shape)
        _, last = tf.while_loop(
            lambda done, unused_images: done < rounds,
            lambda done, images: (done + 1, again(model, origins, classes, (images, hit), ord,
                                                  growth)), [0, first], back_prop=False)
        found = last, hit
        best = tf.argmin(tf.reshape(distance(origins, found, ord), [tf.size(labels), -1]), axis=1,
                         output_type=tf.int32)
        tried = tf.shape(found[0])[0] // tf.maximum(tf.size(labels), 1)
        best += tried * tf.range(tf.size(labels))
        x_adv = tf.gather(tf.where(found[1], found[0], origins), best)
        return [x_adv, (1 + rounds) * tf.cast(attackable(model(images), labels), tf.int32)]

    return outcome(inputs, *by_chunks(attack, tf.size(y), slots))


def linearise(model, images, labels, classes, ord):
    """The linearisation of each image towards the closest `classes` others, a row each:
    (attackable [m], HalfSpace, falls to the linear boundary [m], images [m, ...], labels [m]).
    """
    logits = model(images)
    distances, w = boundary_distances(logits, jacobian(logits, images), labels, ord)
    _, chosen = tf.nn.top_k(-distances, classes)
    leads = tf.expand_dims(select_class(logits, labels), 1) - tf.gather(logits, chosen, axis=1,
                                                                        batch_dims=1)
    w = -tf.gather(w, chosen, axis=1, batch_dims=1)
    w = tf.reshape(w, tf.concat([[-1], tf.shape(images)[1:]], axis=0))
    w.set_shape(images.shape[:0].concatenate([None]).concatenate(images.shape[1:]))
    rows = tf.range(classes * tf.size(labels)) // classes
    origins = tf.gather(images, rows)
    right = tf.gather(attackable(logits, labels), rows)
    return (right, HalfSpace(origins, w, ord), tf.reshape(leads, [-1]), origins,
            tf.gather(labels, rows))


def search(model, half_space, falls, labels, eligible, growth):
    """The images [m, ...] where the class begins to change, as far as `growth` and halving find it,
    and whether it does: (images, [m] bool).

    The linearisation would have it change when its margin has fallen by `falls` [m].
    """
    def fooled(scale):
        logits = model(half_space(scale * falls))
        least = MARGIN * (1 + largest(logits))
        return eligible & (lead(logits, labels) < -least)

    def grow(trial, low, high, found):
        further = tf.where(found, high, growth * high)
        return trial + 1, tf.where(found, low, high), further, found | fooled(further)

    def halve(trial, low, high):
        middle = (low + high) / 2
        hit = fooled(middle)
        return trial + 1, tf.where(hit, low, middle), tf.where(hit, middle, high)

    none = tf.zeros_like(falls)
    one = tf.ones_like(falls)
    _, low, high, found = tf.while_loop(
        lambda trial, low, high, found: (trial < TRIALS) & tf.reduce_any(eligible & ~found),
        grow, [0, none, one, fooled(one)], back_prop=False)
    _, _, high = tf.while_loop(lambda trial, low, high: trial < HALVINGS, halve, [0, low, high],
                               back_prop=False)
    return half_space(high * falls), found


def again(model, origins, labels, found, ord, growth):
    """The images that a linearisation at those found gives, where they are closer to the origins.
    """
    images, hit = found
    gap = lead_over_rival(model(images), labels)
    w = tf.gradients(gap, images)[0]
    falls = gap + inner(w, origins - images)   # the linearised lead of the label at the origin
    new = search(model, HalfSpace(origins, w, ord), falls, labels, hit & (falls > 0), growth)
    closer = distance(origins, new, ord) < distance(origins, found, ord)
    return tf.where(closer, new[0], images)


def distance(origins, found, ord):
    """The norm of each perturbation, infinite where nothing was found: [m]."""
    images, hit = found
    length = lp_norm(images - origins, ord)
    return tf.where(hit, length, float('inf') * tf.ones_like(length))
