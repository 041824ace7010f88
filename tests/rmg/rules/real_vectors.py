#!/usr/bin/env python3
"""Writes tests/rmg/golden/real.bin: 10,000 vectors for exp, log, sin and cos of f64.

By hand, when the choice of arguments changes: tests/rmg/rules/real_vectors.py tests/rmg/golden/real.bin
Needs mpmath, which shares nothing with rmg/rules/real.c. Each value is computed with 3,000 bits and
rounded here, to the nearest, half to even. The file has 2,500 pairs (u64 argument, u64 value; bits
of an f64, little-endian) of exp, then of log, sin and cos.
"""
import random
import struct
import sys

import mpmath

COUNT = 2500
dice = random.Random(20)
mpmath.mp.prec = 3000


def bits_of(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def real_of(bits):
    return struct.unpack("<d", struct.pack("<Q", bits))[0]


def rounded(value):
    """The bits of the f64 nearest to an mpf."""
    sign, mantissa, exponent, size = value._mpf_
    if mantissa == 0:
        return 0
    mantissa, exponent = int(mantissa), int(exponent)
    top = exponent + size - 1
    last = max(top - 52, -1074)  # the weight of the last bit kept
    shift = last - exponent
    if shift > 0:
        rest = mantissa & ((1 << shift) - 1)
        mantissa >>= shift
        half = 1 << (shift - 1)
        mantissa += rest > half or (rest == half and mantissa & 1)
    else:
        mantissa <<= -shift
    if mantissa == 1 << 53:
        mantissa, last = mantissa >> 1, last + 1
    if last > 971:
        return sign << 63 | 0x7FF << 52
    if mantissa < 1 << 52:  # subnormal
        return sign << 63 | mantissa
    return sign << 63 | (last + 1075) << 52 | (mantissa & ((1 << 52) - 1))


def with_exponent(low, high):
    sign = dice.choice((1, -1))
    return sign * real_of(dice.randrange(low + 1023, high + 1024) << 52 | dice.getrandbits(52))


def steps_from(x):
    """A few places beside it."""
    return real_of(bits_of(x) + dice.randrange(-40, 41))


def of_exp(i):
    fixed = [0.0, 1.0, -1.0, float.fromhex("0x1.9e9cbbfd6080bp-31"), float.fromhex("0x1p-54"),
             float.fromhex("-0x1p-54"), float.fromhex("0x1.62e42fefa39efp+9"),
             float.fromhex("0x1.62e42fefa39fp+9"), float.fromhex("-0x1.74910d52d3051p+9"),
             float.fromhex("-0x1.74910d52d3052p+9"), 1e300, -1e300, 5e-324, -5e-324]
    if i < len(fixed):
        return fixed[i]
    return [lambda: dice.uniform(-745, 710), lambda: with_exponent(-60, 9),
            lambda: with_exponent(-8, 2), lambda: dice.uniform(-746, -708),
            lambda: steps_from(dice.randrange(-1070, 1020) * 0.6931471805599453)][i % 5]()


def of_log(i):
    fixed = [1.0, 2.0, 0.5, 5e-324, float.fromhex("0x1.fffffffffffffp+1023"),
             float.fromhex("0x1p-1022"), float.fromhex("0x1.62a88613629b6p+678"),
             float.fromhex("0x1.6a09e667f3bccp+0"), float.fromhex("0x1.6a09e667f3bcdp+0")]
    if i < len(fixed):
        return fixed[i]
    return [lambda: real_of(dice.randrange(1, 0x7FF << 52)),
            lambda: 1.0 + with_exponent(-52, -2), lambda: dice.uniform(0, 100),
            lambda: steps_from(2.0 ** dice.randrange(-1000, 1000)),
            lambda: real_of(dice.getrandbits(dice.randrange(1, 53)) | 1)][i % 5]()


def of_circle(i):
    fixed = [0.0, 6381956970095103.0 * 2.0**797, float.fromhex("0x1.fffffffffffffp+1023"), 5e-324,
             float.fromhex("0x1p-30"), float.fromhex("0x1.fffffffffffffp-31"), 1.0, -1.0]
    if i < len(fixed):
        return fixed[i]
    quarter = real_of(rounded(dice.getrandbits(dice.randrange(1, 60)) * mpmath.pi / 4))
    return [lambda: with_exponent(-40, 1023), lambda: dice.uniform(-10, 10), lambda: quarter,
            lambda: steps_from(quarter + 1.0), lambda: with_exponent(-34, 20)][i % 5]()


def main():
    out = bytearray()
    for function, argument in ((mpmath.exp, of_exp), (mpmath.log, of_log), (mpmath.sin, of_circle),
                               (mpmath.cos, of_circle)):
        for i in range(COUNT):
            x = argument(i)
            if function is mpmath.exp and abs(x) > 2000:
                value = 0 if x < 0 else 0x7FF << 52
            else:
                value = rounded(function(mpmath.mpf(x)))
            out += struct.pack("<QQ", bits_of(x), value)
    with open(sys.argv[1], "wb") as file:
        file.write(out)


main()
