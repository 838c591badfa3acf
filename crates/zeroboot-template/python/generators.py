"""The random generators that a warm-up has made: each would draw the same numbers in every sandbox.

Run by template.py before the nursery is opened, since most templates have none. Names are its own: `library` comes from there.
"""

import gc
import os
import sys


def find():
    """The random generators that modules and the warm-up have made, each behind what seeds it again.

    Of what the garbage collector looks at: before the freeze everything, afterwards what is new. One that was seeded on
    purpose looks like the others. The interpreter seeds that of its own module by itself.
    """
    # Whatever has become of the module `random`.
    if "_random" in sys.modules:
        own = getattr(sys.modules.get("random"), "_inst", None)
        for generator in instances(sys.modules["_random"].Random):
            if generator is not own:
                yield seed_twister, generator
    if "numpy.random" in sys.modules:
        numpy = sys.modules["numpy.random"]
        done = []
        for state in instances(numpy.RandomState):
            bits = state._bit_generator
            if issubclass(type(bits), numpy.MT19937):
                # At one go, in less time.
                done.append(bits)
                yield numpy.RandomState.seed, state
            else:
                yield drop_half_a_pair, state
        for bits in instances(numpy.BitGenerator):
            if not any(bits is each for each in done):
                yield seed_bits, bits


def instances(kind):
    """By their types: to ask an object for its class may run its code."""
    return [each for each in gc.get_objects() if issubclass(type(each), kind)]


def seed_or_fail(made):
    """The first time, in the template: one that cannot be seeded again ends the warm-up, with a remedy."""
    try:
        for seed, generator in made:
            seed(generator)
    except Exception as error:
        kind = type(generator)
        text = "a %s.%s of the warm-up, which each sandbox would draw the same numbers from, cannot be seeded again (%r): make it in the script"
        library.fail((text % (kind.__module__, kind.__qualname__, error)).encode("utf-8", "replace"))
        os._exit(1)


def seed_again(made):
    for seed, generator in made:
        seed(generator)


def seed_twister(generator):
    """As `seed` of its class does without an argument, which may be another class's by now."""
    sys.modules["_random"].Random.seed(generator)
    if hasattr(type(generator), "gauss"):
        generator.gauss_next = None


def drop_half_a_pair(state):
    """Of two numbers that are drawn together one may be left. The bits are an object of their own."""
    content = state.get_state(legacy=False)
    content.update(has_gauss=0, gauss=0.0)
    state.set_state(content)


def seed_bits(generator):
    """By what pickling takes from a new one, since only that replaces what children are seeded from as well."""
    generator.__setstate__(type(generator)().__reduce__()[2])
