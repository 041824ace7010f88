/* Fixed point: numbers of 128 bits with the point where the comment says, "Qn" for n bits behind
 * it. Each function reduces its argument without loss, sums a series that is exact to about 2^-120,
 * and rounds once. All constants are cut off, not rounded; tests/rmg/rules/real_vectors.py computes
 * the functions another way. */
#include "rmg/rules/real.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"

typedef unsigned __int128 wide;
typedef __int128 wide_signed;

struct fixed {
    uint64_t high;
    uint64_t low;
};

#define FACTORIALS 36u
#define ODDS       27u

/* 1/n!, Q127. */
static const struct fixed factorials[FACTORIALS] = {
    {0x8000000000000000, 0x0000000000000000}, {0x8000000000000000, 0x0000000000000000},
    {0x4000000000000000, 0x0000000000000000}, {0x1555555555555555, 0x5555555555555555},
    {0x0555555555555555, 0x5555555555555555}, {0x0111111111111111, 0x1111111111111111},
    {0x002d82d82d82d82d, 0x82d82d82d82d82d8}, {0x0006806806806806, 0x8068068068068068},
    {0x0000d00d00d00d00, 0xd00d00d00d00d00d}, {0x0000171de3a556c7, 0x338faac1c88e5001},
    {0x0000024fc9f6ef13, 0xeb8e5de02da7d4cc}, {0x00000035cc8acfea, 0x89c71fce8fc9706f},
    {0x000000047bb63bfe, 0x3625ed5136a61eb3}, {0x000000005849184e, 0xa1b425f28e0cc748},
    {0x00000000064e5d2a, 0x301f27482eb7c517}, {0x00000000006b9fcf, 0x9ccee07c476195ac},
    {0x000000000006b9fc, 0xf9ccee07c476195a}, {0x000000000000654b, 0x1dc0c2b529ac9814},
    {0x00000000000005a0, 0x9e18ee5f65deec01}, {0x000000000000004b, 0xd26d1a05055c9328},
    {0x0000000000000003, 0xca8574804044a0f5}, {0x0000000000000000, 0x2e371dedb9eae317},
    {0x0000000000000000, 0x0219c72db6ff0a52}, {0x0000000000000000, 0x001761b413163819},
    {0x0000000000000000, 0x0000f96780cb97ab}, {0x0000000000000000, 0x000009f9e66e8b2f},
    {0x0000000000000000, 0x000000623a17f1a9}, {0x0000000000000000, 0x00000003a356385b},
    {0x0000000000000000, 0x000000002143144c}, {0x0000000000000000, 0x0000000001259f98},
    {0x0000000000000000, 0x000000000009c996}, {0x0000000000000000, 0x00000000000050d3},
    {0x0000000000000000, 0x0000000000000286}, {0x0000000000000000, 0x0000000000000013},
    {0x0000000000000000, 0x0000000000000000}, {0x0000000000000000, 0x0000000000000000},
};

/* 1/(2n+1), Q127. */
static const struct fixed odds[ODDS] = {
    {0x8000000000000000, 0x0000000000000000}, {0x2aaaaaaaaaaaaaaa, 0xaaaaaaaaaaaaaaaa},
    {0x1999999999999999, 0x9999999999999999}, {0x1249249249249249, 0x2492492492492492},
    {0x0e38e38e38e38e38, 0xe38e38e38e38e38e}, {0x0ba2e8ba2e8ba2e8, 0xba2e8ba2e8ba2e8b},
    {0x09d89d89d89d89d8, 0x9d89d89d89d89d89}, {0x0888888888888888, 0x8888888888888888},
    {0x0787878787878787, 0x8787878787878787}, {0x06bca1af286bca1a, 0xf286bca1af286bca},
    {0x0618618618618618, 0x6186186186186186}, {0x0590b21642c8590b, 0x21642c8590b21642},
    {0x051eb851eb851eb8, 0x51eb851eb851eb85}, {0x04bda12f684bda12, 0xf684bda12f684bda},
    {0x0469ee58469ee584, 0x69ee58469ee58469}, {0x0421084210842108, 0x4210842108421084},
    {0x03e0f83e0f83e0f8, 0x3e0f83e0f83e0f83}, {0x03a83a83a83a83a8, 0x3a83a83a83a83a83},
    {0x03759f22983759f2, 0x2983759f22983759}, {0x0348348348348348, 0x3483483483483483},
    {0x031f3831f3831f38, 0x31f3831f3831f383}, {0x02fa0be82fa0be82, 0xfa0be82fa0be82fa},
    {0x02d82d82d82d82d8, 0x2d82d82d82d82d82}, {0x02b9310572620ae4, 0xc415c9882b931057},
    {0x029cbc14e5e0a72f, 0x05397829cbc14e5e}, {0x0282828282828282, 0x8282828282828282},
    {0x026a439f656f1826, 0xa439f656f1826a43},
};

/* Behind the point of 2/pi, after two words of nothing. */
static const uint64_t two_over_pi[] = {0,
                                       0,
                                       0xa2f9836e4e441529,
                                       0xfc2757d1f534ddc0,
                                       0xdb6295993c439041,
                                       0xfe5163abdebbc561,
                                       0xb7246e3a424dd2e0,
                                       0x06492eea09d1921c,
                                       0xfe1deb1cb129a73e,
                                       0xe88235f52ebb4484,
                                       0xe99c7026b45f7e41,
                                       0x3991d639835339f4,
                                       0x9c845f8bbdf9283b,
                                       0x1ff897ffde05980f,
                                       0xef2f118b5a0a6d1f,
                                       0x6d367ecf27cb09b7,
                                       0x4f463f669e5fea2d,
                                       0x7527bac7ebe5f17b,
                                       0x3d0739f78a5292ea,
                                       0x6bfb5fb11f8d5d08,
                                       0x56033046fc7b6bab,
                                       0xf0cfbc209af4361d};

static const struct fixed half_pi = {0xc90fdaa22168c234, 0xc4c6628b80dc1cd1}; /* Q127 */
static const struct fixed ln2 = {0xb17217f7d1cf79ab, 0xc9e3b39803f2f6af};     /* Q128 */
static const struct fixed ln2_116 = {0x000b17217f7d1cf7, 0x9abc9e3b39803f2f}; /* Q116 */
#define LN2_REST     0x6af40f343267298bull /* of ln 2 the 64 bits behind those of ln2_116 */
#define LN2_INVERSE  0x5c551d94ae0bf85dull /* 1 / ln 2, Q62 */
#define ROOT_2       0x16a09e667f3bccull   /* Q52 */
#define MANTISSA_ONE (1ull << 52)

/* value = mantissa * 2^exponent, mantissa of 53 bits. */
struct parts {
    bool negative;
    int exponent;
    uint64_t mantissa;
};

enum kind { KIND_NUMBER, KIND_ZERO, KIND_INFINITE, KIND_NAN };

static enum kind take_apart(double x, struct parts *out)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int biased = (int)(bits >> 52 & 0x7ff);
    out->negative = bits >> 63 != 0;
    out->mantissa = bits & (MANTISSA_ONE - 1);
    if (biased == 0x7ff) {
        return out->mantissa != 0 ? KIND_NAN : KIND_INFINITE;
    }
    if (biased > 0) {
        out->mantissa |= MANTISSA_ONE;
        out->exponent = biased - 1075;
        return KIND_NUMBER;
    }
    if (out->mantissa == 0) {
        return KIND_ZERO;
    }
    int shift = __builtin_clzll(out->mantissa) - 11;
    out->mantissa <<= shift;
    out->exponent = -1074 - shift;
    return KIND_NUMBER;
}

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double infinite(bool negative)
{
    return from_bits(0x7ff0000000000000ull | (uint64_t)negative << 63);
}

static double not_a_number(void)
{
    return from_bits(0x7ff8000000000000ull);
}

/* mantissa * 2^exponent, to the nearest, half to even. mantissa is not 0. */
static double put_together(bool negative, wide mantissa, int exponent)
{
    uint64_t sign = (uint64_t)negative << 63;
    uint64_t high = (uint64_t)(mantissa >> 64);
    int zeros = high != 0 ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)mantissa);
    mantissa <<= zeros;
    int top = exponent - zeros + 127; /* of the highest bit */
    int below = top < -1022 ? -1022 - top : 0;
    if (top > 1023) {
        return infinite(negative);
    }
    if (below > 53) {
        return from_bits(sign);
    }
    mantissa = mantissa >> 1 | (mantissa & 1); /* what is lost still breaks a tie */
    int shift = 74 + below;
    wide rest = mantissa & (((wide)1 << shift) - 1);
    wide half = (wide)1 << (shift - 1);
    uint64_t bits = (uint64_t)(mantissa >> shift);
    bits += rest > half || (rest == half && (bits & 1) != 0);
    /* The hidden bit counts one exponent up; so does a carry out of the mantissa. */
    return from_bits(sign | (bits + (below > 0 ? 0 : (uint64_t)(top + 1022) << 52)));
}

static wide fixed_wide(const struct fixed *x)
{
    return (wide)x->high << 64 | x->low;
}

/* The upper 128 bits of the product. */
static wide times(wide a, wide b)
{
    uint64_t a1 = (uint64_t)(a >> 64);
    uint64_t a0 = (uint64_t)a;
    uint64_t b1 = (uint64_t)(b >> 64);
    uint64_t b0 = (uint64_t)b;
    wide middle = (wide)a1 * b0 + (uint64_t)((wide)a0 * b0 >> 64);
    wide other = (wide)a0 * b1 + (uint64_t)middle;
    return (wide)a1 * b1 + (uint64_t)(middle >> 64) + (uint64_t)(other >> 64);
}

/* The sum of factors[from + step * n] * x^n, n below count; x Q128, the sum Q127. Alternating: with
 * minus before every other one. All sums on the way are positive. */
static wide series(const struct fixed *factors, uint32_t from, uint32_t step, uint32_t count,
                   wide x, bool alternating)
{
    wide sum = 0;
    for (uint32_t n = count; n-- > 0;) {
        wide factor = fixed_wide(&factors[from + step * n]);
        wide more = times(x, sum);
        sum = alternating ? factor - more : factor + more;
    }
    return sum;
}

double rmg_real_exp(double x)
{
    struct parts parts;
    switch (take_apart(x, &parts)) {
    case KIND_NAN:
        return not_a_number();
    case KIND_ZERO:
        return 1.0;
    case KIND_INFINITE:
        return parts.negative ? 0.0 : infinite(false);
    case KIND_NUMBER:
        break;
    }
    int top = parts.exponent + 52;
    if (top >= 10) {
        return parts.negative ? 0.0 : infinite(false);
    }
    if (top < -54) {
        return 1.0; /* nearer to 1 than to its neighbours */
    }
    /* |x| = k ln 2 + r, |r| at most half of ln 2. */
    wide whole = (wide)parts.mantissa << (parts.exponent + 116); /* Q116 */
    uint32_t k = (uint32_t)(((whole >> 64) * LN2_INVERSE + ((wide)1 << 113)) >> 114);
    wide_signed near = (wide_signed)(whole - k * fixed_wide(&ln2_116));
    wide_signed rest = near * 1024 - (wide_signed)((wide)k * LN2_REST >> 54); /* Q126 */
    bool minus = (rest < 0) != parts.negative;
    wide r = (wide)(rest < 0 ? -rest : rest) << 2; /* Q128 */
    return put_together(false, series(factorials, 0, 1, 30, r, minus),
                        (parts.negative ? -(int)k : (int)k) - 127);
}

/* 2 atanh(above / below), above less than below / 4: *exponent and the number it goes with. */
static wide log_near_1(uint64_t above, uint64_t below, int *exponent)
{
    int zeros = 0;
    while (above * 2 < below) {
        above *= 2;
        zeros++;
    }
    wide first = ((wide)above << 64) / below;
    wide second = (((wide)above << 64) % below << 64) / below;
    wide s = first << 64 | second; /* of 2^-(128 + zeros) */
    wide square = times(s, s);
    square = zeros < 64 ? square >> (2 * zeros) : 0;
    *exponent = -126 - zeros;
    return times(s, series(odds, 0, 1, ODDS, square, false));
}

double rmg_real_log(double x)
{
    struct parts parts;
    switch (take_apart(x, &parts)) {
    case KIND_NAN:
        return not_a_number();
    case KIND_ZERO:
        return infinite(true);
    case KIND_INFINITE:
        return parts.negative ? not_a_number() : infinite(false);
    case KIND_NUMBER:
        break;
    }
    if (parts.negative) {
        return not_a_number();
    }
    /* x = c 2^power, c from half the root of 2 to the root of 2. */
    bool less = parts.mantissa > ROOT_2;
    uint64_t one = less ? MANTISSA_ONE * 2 : MANTISSA_ONE;
    int power = parts.exponent + (less ? 53 : 52);
    uint64_t above = less ? one - parts.mantissa : parts.mantissa - one;
    int exponent = 0;
    wide near = above == 0 ? 0 : log_near_1(above, parts.mantissa + one, &exponent);
    if (power == 0) {
        return above == 0 ? 0.0 : put_together(less, near, exponent);
    }
    bool negative = power < 0;
    uint32_t size = (uint32_t)(negative ? -power : power);
    int bits = 32 - __builtin_clz(size);
    wide sum = times(fixed_wide(&ln2), (wide)size << (128 - bits)); /* Q(128 - bits) */
    near = above == 0 ? 0 : near >> (-(128 - bits) - exponent);
    return put_together(negative, less == negative ? sum + near : sum - near, bits - 128);
}

/* An angle as quarters of a circle and r, |r| at most an eighth of it, r = number 2^-(127 + zeros).
 */
struct angle {
    unsigned quarter; /* 0 to 3 */
    bool negative;    /* r */
    wide number;
    int zeros; /* 1 or more */
};

/* 64 bits of 2/pi from the bit `at` on, 1 is the first behind the point; at is -127 or more. */
static uint64_t bits_of_two_over_pi(int at)
{
    uint32_t place = (uint32_t)(at + 127);
    uint32_t shift = place % 64;
    uint64_t bits = two_over_pi[place / 64] << shift;
    return shift == 0 ? bits : bits | two_over_pi[place / 64 + 1] >> (64 - shift);
}

/* x times 2/pi without the multiples of 4: those bits of 2/pi that count for them are left out, and
 * 256 that follow are exact to 2^-200. */
static void angle_of(const struct parts *parts, struct angle *out)
{
    uint64_t words[5] = {0, 0, 0, 0, 0};
    wide carry = 0;
    for (int i = 3; i >= 0; i--) {
        carry += (wide)parts->mantissa * bits_of_two_over_pi(parts->exponent - 1 + 64 * i);
        words[i] = (uint64_t)carry;
        carry >>= 64;
    }
    out->quarter = (unsigned)(words[0] >> 62);
    for (unsigned i = 0; i < 4; i++) {
        words[i] = words[i] << 2 | words[i + 1] >> 62;
    }
    out->negative = words[0] >> 63 != 0;
    if (out->negative) { /* the next quarter is nearer */
        bool borrow = true;
        for (int i = 3; i >= 0; i--) {
            words[i] = ~words[i] + borrow;
            borrow = borrow && words[i] == 0;
        }
        out->quarter = (out->quarter + 1) % 4;
    }
    /* No f64 is that near to a multiple of a quarter, that 128 bits were zero. */
    unsigned skip = words[0] == 0;
    assert(words[skip] != 0);
    int shift = __builtin_clzll(words[skip]);
    wide high = (wide)words[skip] << 64 | words[skip + 1];
    high = shift == 0 ? high : high << shift | words[skip + 2] >> (64 - shift);
    out->zeros = (int)skip * 64 + shift;
    out->number = times(high, fixed_wide(&half_pi));
}

static double sine_of(const struct angle *angle, bool negative)
{
    wide square = times(angle->number, angle->number); /* Q126 of (r 2^zeros)^2 */
    square = angle->zeros < 64 ? square >> (2 * angle->zeros - 2) : 0;
    wide factor = series(factorials, 1, 2, 17, square, true);
    return put_together(negative != angle->negative, times(angle->number, factor),
                        -126 - angle->zeros);
}

static double cosine_of(const struct angle *angle, bool negative)
{
    wide square = times(angle->number, angle->number);
    square = angle->zeros < 64 ? square >> (2 * angle->zeros - 2) : 0;
    return put_together(negative, series(factorials, 0, 2, 18, square, true), -127);
}

/* Below this the next term of either series is out of reach. */
#define TOP_TINY (-30)

/* sin(x + quarters of a circle). */
static double sine_from(double x, unsigned quarters)
{
    struct parts parts;
    struct angle angle;
    switch (take_apart(x, &parts)) {
    case KIND_NAN:
    case KIND_INFINITE:
        return not_a_number();
    case KIND_ZERO:
        return quarters == 0 ? 0.0 : 1.0;
    case KIND_NUMBER:
        break;
    }
    if (parts.exponent + 52 < TOP_TINY) {
        return quarters == 0 ? x : 1.0;
    }
    angle_of(&parts, &angle);
    bool odd = parts.negative && quarters == 0; /* sin(-x) = -sin(x), cos(-x) = cos(x) */
    unsigned quarter = (angle.quarter + quarters) % 4;
    bool negative = (quarter >= 2) != odd;
    return quarter % 2 == 0 ? sine_of(&angle, negative) : cosine_of(&angle, negative);
}

double rmg_real_sin(double x)
{
    return sine_from(x, 0);
}

double rmg_real_cos(double x)
{
    return sine_from(x, 1);
}
